"""A search in Python: what its records say, and more of it."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import pandas as pd

from tune_polar.api.best import Best, best_of
from tune_polar.api.count_checks import check_counts, plain, positive
from tune_polar.api.machines import machines_as_begun
from tune_polar.api.model_words import ModelWords
from tune_polar.api.python_arguments import ARGUMENTS, alone, fitted, resumed, shown_as, words_now
from tune_polar.api.python_words import columns_of, needed_text, text_of, told_in_python
from tune_polar.api.report import Page, check_page_name, context_of, of_examples
from tune_polar.api.status import Status, status_of
from tune_polar.api.stopping_words import Extent
from tune_polar.api.utf8_words import check_working_folder
from tune_polar.api.winner_files import write_page
from tune_polar.errors import SpecError, StoreError
from tune_polar.evaluate.configuration_predictions import PredictionsReader
from tune_polar.evaluate.manifest_facts import manifest_facts
from tune_polar.evaluate.named_configuration import named_configuration
from tune_polar.evaluate.summary import SearchSummary
from tune_polar.recipe.message_words import did_you_mean
from tune_polar.report.page import html_of
from tune_polar.report.reading import summary_for_page
from tune_polar.report.tidy_tables import configurations_table, folds_table, predictions_table
from tune_polar.store.store import Store, open_store

if TYPE_CHECKING:
    from tune_polar.api.display import Progress

_RECORDS = ("configurations", "folds", "failures", "abandoned", "resumes")
_MODEL = ("configuration", "all_rows", "ensemble")  # arguments that name one
_ROWS_SHOWN = 10  # best configurations, below a cell of a notebook
_COLUMNS_SHOWN = ("number", "origin", "state", "cells", "score")


class Search:
    """A search by its records, wherever they lie. Made by ``tune_polar.search`` and ``tune_polar.open``.

    Nothing is kept that a record does not say: while the search runs elsewhere, each call tells what is there by then.

    Example:
        >>> found = tune_polar.open("searches/st3-20261122-101500")
        >>> found.status.finished <= found.status.planned
        True
    """

    def __init__(self, store: Store, source: object | None = None, new_rows: int | None = None) -> None:
        """``source``: where the data lie, of a search that began in this process, so that DataFrames are at hand.

        ``new_rows``: size of the set of texts to come.
        """
        self._store = store
        self._new_rows = new_rows
        self._source = source
        self._read: tuple[object, SearchSummary] | None = None

    @property
    def store(self) -> str:
        """Folder or URL of the records."""
        return self._store.url

    @property
    def status(self) -> Status:
        """How far it has come; ``str`` of it is the line that `tune-polar status` prints.

        Raises:
            StoreError: the records cannot be read.
        """
        return status_of(self._summary())

    @property
    def best(self) -> Best | None:
        """The configuration with the best cross-fitted score, and what it is worth; None where none has a score.

        Raises:
            StoreError: the records cannot be read.

        Example:
            >>> low, high = found.best.interval
            >>> low <= found.best.corrected <= high
            True
        """
        return best_of(self._summary())

    def table(self) -> pd.DataFrame:
        """A row a fold trial, those included that are still to come.

        Returns:
            ``configuration``, ``number``, ``fold``, ``seed``, ``state`` (finished, open, failed, stopped), a column
            ``point/KEY`` for each setting that was searched, of finished ones ``seconds``, ``host``, ``device``,
            ``started``, ``reused``, ``key/STAGE`` and ``scores/STAGE.METRIC``, of failed ones ``error``.

        Raises:
            StoreError: the records cannot be read.

        Example:
            >>> seconds = found.table().groupby("number")["seconds"].sum()
        """
        return folds_table(self._summary())

    def configurations(self) -> pd.DataFrame:
        """A row a configuration, in the order in which they were proposed.

        Returns:
            ``configuration``, ``number``, ``origin``, ``state``, ``cells``, ``seconds``, ``metric``, ``score``
            (cross-fitted), ``as_written``, ``score/DECISION``, ``chosen/KEY`` (settings that the sweep chose) and
            ``point/KEY``. The score of the best of many flatters: ``best.corrected`` is without that luck.

        Raises:
            StoreError: the records cannot be read.
        """
        return configurations_table(self._summary())

    def predictions(self, configuration: str | int = "winner", *, stage: str | None = None) -> pd.DataFrame:
        """What one stage of a configuration predicts, in the form that `tune-polar decide` reads.

        Args:
            configuration: ``winner``, ``published``, or the id or number of a configuration, finished or not.
            stage: None: the last of the recipe.

        Returns:
            A row for each row of train, predicted by the model of the fold that held it out (``split`` is ``oof``), and
            of every other split, predicted by the mean of the models: ``configuration``, ``split``, ``fold``, ``id``,
            ``group/COLUMN`` of the recipe's groups, ``gold/COLUMN`` and ``prob/COLUMN`` (numbers: ``value/COLUMN``).
            With several seeds a column ``seed``.

        Raises:
            SpecError: there is no such configuration or stage.
            StoreError: the records cannot be read, or nothing has a score.

        Example:
            >>> held_out = found.predictions().query("split == 'oof'").set_index("id")
        """
        summary = self._summary()
        with told_in_python({"configuration"}):
            row = named_configuration(summary, str(configuration))
        if row is None:
            raise StoreError(
                f"store {summary.url}: no configuration has finished all its folds, so there is no best one",
                "Name a configuration, or go on with the search by resume().",
            )
        stages = list(row.configuration.recipe.stages)
        named = stages[-1] if stage is None else stage
        if named not in stages:
            raise SpecError(
                f"stage must be one of {stages}, got {named!r}{did_you_mean(str(named), stages)}", "Name one of these."
            )
        read = PredictionsReader(self._store, summary.gold, summary.cells).read(row.configuration, row.folds)
        return predictions_table(replace(summary, configurations=(replace(row, predictions=read),)), named)

    def report(
        self,
        path: str | Path | None = None,
        *,
        examples: bool = False,
        data: str | Path | pd.DataFrame | None = None,
        text: str | None = None,
        id: str | None = None,
        columns: Mapping[str, str] | None = None,
        dev: str | Path | pd.DataFrame | None = None,
        test: str | Path | pd.DataFrame | None = None,
        language: str | None = None,
    ) -> Page:
        """The page of the search; a notebook shows it below the cell.

        Args:
            path: a file to write it to, ending in .html; beside it goes the narrower space that it tells of, for
                ``st3.html`` ``st3-narrowed.yaml``. None: nothing is written.
            examples: whether it also shows the texts decided most wrongly, which may be hateful.
            data, text, id, columns, dev, test, language: as for ``resume``; only with ``examples``.

        Raises:
            TunePolarError: the file cannot be written, or the texts are not what or where they were.

        Example:
            >>> found.report("st3.html").path
            PosixPath('st3.html')
        """
        named = text_of("path", path)
        where = None if named is None else Path(named)
        if where is not None:
            check_page_name(where)
        beside = {"text": text, "id": id, "columns": columns, "dev": dev, "test": test, "language": language}
        with told_in_python(ARGUMENTS):
            texts = of_examples(words_now(data, beside, self._source if examples else None), shown=examples)
            summary = self._summary()
            page = context_of(self._store, summary, where, examples=texts)
        html = html_of(page)
        if where is not None:
            write_page(page, html, where)
        return Page(html, where)

    def predict(
        self,
        texts: Sequence[str] | pd.Series[str] | pd.DataFrame | str | Path,
        *,
        configuration: str | int = "winner",
        all_rows: bool = False,
        ensemble: bool | str | Path = False,
        text: str | None = None,
        id: str | None = None,
        columns: Mapping[str, str] | None = None,
        device: str = "auto",
        batch_rows: int | None = None,
    ) -> pd.DataFrame:
        """What the search's best configuration says of new texts, as `tune-polar predict` does.

        Args:
            texts: a list or Series of texts, a DataFrame, or a file that `tune-polar predict` reads.
            configuration: ``winner``, ``published``, or the id or number of a finished configuration.
            all_rows: one model of all rows, which `tune-polar fit --all-rows` trains, instead of those of the folds.
            ensemble: True: the ensemble that the search has found, in place of a configuration; or another file of one.
            text: column with the texts; None: as in the search, or ``text``.
            id: column with the ids; None: as in the search, or ``id``, where there is one; else rows are counted. A
                Series's index is its ids.
            columns: what columns that decisions go by are called. Texts without columns, as of a list, are decided by
                what was chosen on all rows, and a warning says so.
            device: ``auto`` (a GPU where there is one), ``cpu``, ``cuda`` or ``cuda:1``.
            batch_rows: texts of one forward pass; None: 128, fewer where memory ends.

        Returns:
            A row a text, in their order: ``id``, what is decided (the score's decision first), probabilities, and
            ``models.agreement``, the share of the folds' models that alone decide the same.

        Raises:
            TunePolarError: nothing has a score, weights are gone (`tune-polar fit` trains them), or a row has no text.

        Example:
            >>> len(found.predict(["a text", "another one"]))
            2
        """
        with told_in_python((*_MODEL, "text", "id", "columns", "device", "batch_rows")):
            positive(batch_rows, "--batch-rows")
            # Imported here: it brings torch, which whoever only looks need not wait for.
            from tune_polar.api.predicting import predict, text_columns

            model = self._model(configuration, ensemble, all_rows=all_rows)
            named = columns_of(columns)
            return predict(
                model,
                texts,
                lambda about: text_columns(about, text, id, named),
                device,
                plain(batch_rows),
                warnings.warn,
            )

    def fit(
        self,
        *,
        configuration: str | int = "winner",
        all_rows: bool = False,
        ensemble: bool | str | Path = False,
        data: str | Path | pd.DataFrame | None = None,
        text: str | None = None,
        id: str | None = None,
        columns: Mapping[str, str] | None = None,
        dev: str | Path | pd.DataFrame | None = None,
        test: str | Path | pd.DataFrame | None = None,
        language: str | None = None,
        device: str = "auto",
        checkpoint_every: int = 60,
        progress: Progress = "auto",
    ) -> Search:
        """Train what the model of a configuration lacks, in this process, as `tune-polar fit` does. Gives itself.

        Args:
            configuration: ``winner``, ``published``, or the id or number of a finished configuration.
            all_rows: one model of all rows, trained for the steps that the folds found, instead of those of the folds.
            ensemble: as for ``predict``: the models of all members.
            data, text, id, columns, dev, test, language: as for ``resume``; read only where something is trained.
            device: as for ``predict``.
            checkpoint_every: seconds between two checkpoints; 0: none.
            progress: ``none``, or else lines.

        Raises:
            TunePolarError: nothing has a score, another process drives the search, or the data are not what they were.
            KeyboardInterrupt: it was interrupted; the same call goes on.

        Example:
            >>> len(found.fit(all_rows=True).predict(["a text"], all_rows=True))
            1
        """
        beside = {"text": text, "id": id, "columns": columns, "dev": dev, "test": test, "language": language}
        with told_in_python({*ARGUMENTS, *_MODEL, "device"}):
            model = self._model(configuration, ensemble, all_rows=all_rows)
            fitted(model, data, beside, device, checkpoint_every, shown_as(progress), self._source)
        return self

    def export(
        self,
        folder: str | Path,
        *,
        configuration: str | int = "winner",
        all_rows: bool = False,
        ensemble: bool | str | Path = False,
        push: str | None = None,
    ) -> Path:
        """Write a configuration's model as `tune-polar export --model` does: weights, tokenizer, decisions and a card.

        Args:
            folder: a new one; where the head allows it, ``transformers`` opens it by itself.
            configuration: ``winner``, ``published``, or the id or number of a finished configuration.
            all_rows: the one model of all rows that ``fit`` has trained, instead of those of the folds.
            ensemble: as for ``predict``: a folder with all members' models.
            push: OWNER/NAME on the hub, to which the folder is uploaded too.

        Returns:
            The folder.

        Raises:
            TunePolarError: nothing has a score, weights are gone, or the folder or repository cannot be written.

        Example:
            >>> (found.export("model") / "decision.json").is_file()
            True
        """
        with told_in_python((*_MODEL, "push", "folder"), {"model": "folder"}):
            # Imported here: it brings torch, which whoever only looks need not wait for.
            from tune_polar.api.exporting import export_model

            where = Path(needed_text("folder", folder, "Give a new folder."))
            model = self._model(configuration, ensemble, all_rows=all_rows)
            export_model(model, self._store, self._summary(), where, push, lambda _: None)
        return where

    def resume(
        self,
        *,
        trials: int | None = None,
        time: str | float | None = None,
        until: Literal["converged"] | None = None,
        racing: str | None = None,
        data: str | Path | pd.DataFrame | None = None,
        text: str | None = None,
        id: str | None = None,
        columns: Mapping[str, str] | None = None,
        dev: str | Path | pd.DataFrame | None = None,
        test: str | Path | pd.DataFrame | None = None,
        language: str | None = None,
        slots: int | None = None,
        slot_gb: float | None = None,
        address: str | None = None,
        checkpoint_every: float | None = None,
        keep_weights: int | None = None,
        disk_gb: float | None = None,
        track: str | Sequence[str] = (),
        progress: Progress = "auto",
    ) -> Search:
        """Go on with the search, or extend it; what is finished is never trained again. Gives itself.

        Args:
            trials: a new total of configurations; None: as told last, here or when it began.
            time: begin no fold after this long (``2h``, ``30m``, or seconds).
            until: ``converged``: propose nothing more once the gain still possible is below the score's own error.
            racing: another racing rule from now on.
            data: where the data lie now; a DataFrame has to be given again where another process began the search.
            text, id, columns, dev, test, language: of ``data``, as for ``tune_polar.search``.
            slots, slot_gb, checkpoint_every, keep_weights, disk_gb: as for ``tune_polar.search``; None: as told last.
            address, track, progress: as for ``tune_polar.search``.

        Raises:
            TunePolarError: data, folds or an encoder are not what they were, another search or a Ray runs in this
                process, or something breaks a rule.
            KeyboardInterrupt: it was interrupted; every finished fold is recorded.

        Example:
            >>> found.resume(trials=3).status.planned
            3
        """
        beside = {"text": text, "id": id, "columns": columns, "dev": dev, "test": test, "language": language}
        extent = Extent(plain(trials), plain(time), until, racing)
        weights, every = (plain(keep_weights), plain(disk_gb)), plain(checkpoint_every)
        with told_in_python(ARGUMENTS), alone():
            extent.limits()
            extent.rule()
            check_counts(trials=extent.trials, slots=plain(slots))
            where = self._store.url
            machines = machines_as_begun(where, plain(slots), plain(slot_gb), address, every, *weights)
            resumed(self._store.url, data, beside, extent, machines, shown_as(progress, track), self._source)
        return self

    def _model(self, configuration: str | int, ensemble: bool | str | Path, *, all_rows: bool) -> ModelWords:
        named = ensemble if isinstance(ensemble, bool) else str(ensemble)
        return ModelWords(self._store.url, str(configuration), all_rows, named)

    def __repr__(self) -> str:
        return f"<Search {self.store}: {self.status}>"

    def _repr_html_(self) -> str:
        """Status and the best configurations."""
        from html import escape

        summary = self._summary()
        table = configurations_table(replace(summary, configurations=summary.finished or summary.configurations))
        shown = table[[name for name in _COLUMNS_SHOWN if name in table]].head(_ROWS_SHOWN)
        head = f"<p><b>{escape(str(status_of(summary)))}</b><br><code>{escape(self.store)}</code></p>"
        return head + ("" if shown.empty else shown.to_html(index=False, float_format="{:.4f}".format))

    def _summary(self) -> SearchSummary:
        """Read anew where there are other records than the last time."""
        names = tuple(tuple(sorted(self._store.files.names(folder))) for folder in _RECORDS)
        if self._read is None or self._read[0] != names:
            self._read = (names, summary_for_page(self._store, next_rows=self._new_rows))
        return self._read[1]


def opened(place: str | Path, source: object | None = None, new_rows: int | None = None) -> Search:
    """The search whose records lie at ``place``; see ``tune_polar.open``, and ``Search`` of ``source``."""
    check_working_folder()
    store = open_store(place, to_look=True)
    manifest_facts(store.manifest(), store.url)
    return Search(store, source, new_rows)
