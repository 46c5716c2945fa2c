"""A model as it is named: the store of a search, which configuration or ensemble of it, or a folder; and its device."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from shlex import quote
from typing import TYPE_CHECKING

from tune_polar.api.pages import existing_ensemble
from tune_polar.errors import SpecError, StoreError

if TYPE_CHECKING:  # it brings torch
    import torch

    from tune_polar.serve.composition import Composition
    from tune_polar.serve.fold_models import Model
    from tune_polar.serve.recorded_ensemble import RecordedEnsemble
    from tune_polar.serve.recorded_model import Recorded
    from tune_polar.store.store import Store

_NEVER = "Leave out the one or the other."
_DEVICE = re.compile(r"auto|cpu|cuda(:[0-9]{1,4})?")


@dataclass(frozen=True)
class ModelWords:
    """A model as typed; ``ensemble``: the search's own, or that of a file, in place of a configuration."""

    place: str
    configuration: str = "winner"
    all_rows: bool = False
    ensemble: bool | str = False

    @property
    def asked(self) -> str:
        """The options that name it, each with a space before it."""
        words = "" if self.configuration == "winner" else f" --configuration {quote(self.configuration)}"
        words += " --all-rows" if self.all_rows else ""
        if isinstance(self.ensemble, str):
            return f"{words} --ensemble-file {quote(self.ensemble)}"
        return f"{words} --ensemble" if self.ensemble else words

    def check(self) -> None:
        """Refuse words that exclude each other.

        Raises:
            SpecError: they do.
        """
        if self.ensemble is False:
            return
        if self.configuration != "winner":
            raise SpecError("an ensemble and --configuration must not be given together, got both", _NEVER)
        if self.all_rows:
            raise SpecError("--all-rows must go with one configuration, got an ensemble", _NEVER)

    def found(self, store: Store) -> Recorded | RecordedEnsemble:
        """What the records of its search say of it.

        Raises:
            SpecError: the file of an ensemble cannot be read.
            StoreError: nothing has a score, or the ensemble is not of this search.
        """
        from tune_polar.serve.recorded_model import recorded

        self.check()
        return recorded(store, self.configuration) if self.ensemble is False else self._ensemble(store)

    def _ensemble(self, store: Store) -> RecordedEnsemble:
        from tune_polar.evaluate.ensemble_of_search import ensemble_file_of
        from tune_polar.evaluate.summary import summarise
        from tune_polar.report.ensemble_yaml import read_ensemble
        from tune_polar.serve.recorded_ensemble import recorded_ensemble

        asked = self.asked
        path = existing_ensemble(store) if isinstance(self.ensemble, bool) else Path(self.ensemble)
        if path is not None:
            return recorded_ensemble(summarise(store, "scores"), read_ensemble(path), str(path), asked)
        summary = summarise(store)  # nothing was written: the search has not ended, or lies in a bucket
        file = ensemble_file_of(summary)
        if isinstance(file, str):
            raise StoreError(
                f"store {store.url}: must have an ensemble, but: {file}",
                "Leave --ensemble out for the best configuration, or go on: `tune-polar resume STORE --trials N`.",
            )
        return recorded_ensemble(summary, file, store.url, asked)

    def chosen(self, device: str) -> ChosenModel:
        """The model, of which nothing is loaded yet, nor torch: what is wrong with words is told within a second.

        Raises:
            SpecError: ``device`` is no device's name.
            StoreError: there is neither a search nor a model, or weights are gone.
        """
        from tune_polar.serve.model_file import is_model_folder, read_model_folder
        from tune_polar.serve.stored_composition import stored_composition
        from tune_polar.store.store import open_store

        if not _DEVICE.fullmatch(device):
            raise SpecError(f"--device must be auto, cpu, cuda or cuda:NUMBER, got {device!r}", "Use auto.")
        folder = Path(self.place)
        if is_model_folder(folder):
            if self.configuration != "winner" or self.all_rows or self.ensemble is not False:
                raise SpecError(
                    "--configuration, --all-rows and --ensemble must be left out with the folder of a model, got "
                    f"{self.place}",
                    "Give the store of the search to choose among its configurations.",
                )
            return ChosenModel(read_model_folder(folder), device, folder)
        store = open_store(self.place, to_look=True)
        found = self.found(store)
        return ChosenModel(stored_composition(store, found, all_rows=self.all_rows), device, (store, found))


@dataclass(frozen=True, eq=False)
class ChosenModel:
    """A model of which it is known what it is made of, and where that lies."""

    composition: Composition
    device: str
    place: Path | tuple[Store, Recorded | RecordedEnsemble]  # a model's folder, or records of a search

    def open(self, batch_rows: int | None) -> Model:
        """The model, its weights not yet read.

        Raises:
            SpecError: there is no such device here.
        """
        from tune_polar.serve.fold_models import Model
        from tune_polar.serve.from_store import store_models
        from tune_polar.serve.model_folder import folder_models

        if isinstance(self.place, Path):
            load = folder_models(self.place, self.composition)
        else:
            store, found = self.place
            load = store_models(store, found, self.composition)
        device = device_named(self.device)
        return Model(self.composition, load, device, batch_rows, falls_back=self.device == "auto")


def device_named(name: str) -> torch.device:
    """The device that ``--device`` names.

    Raises:
        SpecError: there is none of that name here.
    """
    import torch

    count = torch.cuda.device_count() if torch.cuda.is_available() else 0
    if name == "auto":
        return torch.device("cuda", 0) if count else torch.device("cpu")
    known = ["cpu", *(["cuda"] if count else []), *(f"cuda:{number}" for number in range(count))]
    if name not in known:
        raise SpecError(f"--device must be auto or one of {', '.join(known)} here, got {name!r}", "Use auto.")
    return torch.device("cuda", 0) if name == "cuda" else torch.device(name)
