"""Where a search's texts come from, as a manifest can keep it and a resumed search read it again."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, ValidationError

from tune_polar.data.corpus import Corpus
from tune_polar.data.csv_table import scan_table
from tune_polar.data.generic_csv import ColumnNames, load_csv
from tune_polar.data.polar_csv import load_polar
from tune_polar.data.sample import sample_corpus
from tune_polar.errors import DataError, SpecError
from tune_polar.spec.recipe import Recipe

SAMPLE = "sample"


class DataSource(BaseModel):
    """``sample``, a folder in POLAR's layout, or CSV files with named columns."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)
    kind: Literal["sample", "polar", "csv"]
    path: str | None = None  # of the folder, or of the train file
    dev: str | None = None
    language: str | None = None
    seed: int = 0  # of the sample
    columns: Mapping[str, str] = {}  # the project's column → the file's

    def load(self, recipe: Recipe) -> Corpus:
        """Read the corpus.

        Raises:
            DataError: a file is missing or breaks rules.
            SpecError: the recipe asks for an order this source does not have.
        """
        if recipe.folds.order == "competition" and self.kind != "polar":
            raise SpecError(
                f"folds.order: competition must be used with a POLAR folder, got data {self.kind!r}",
                "Leave the order out with --set folds.order=file, or give the POLAR folder with --data.",
            )
        if self.kind == "sample":
            return sample_corpus(self.seed)
        if self.kind == "polar":
            return load_polar(Path(self.path or ""), self.language or "zho", order=recipe.folds.order)
        return self._load_csv(recipe)

    def lacking(self, labels: Sequence[str]) -> tuple[str, ...]:
        """Which of ``labels`` a CSV file has no column for; none where there is no such file to look at."""
        if self.kind != "csv" or self.path is None:
            return ()
        table, _ = scan_table(Path(self.path))
        if table is None:
            return ()
        return tuple(label for label in labels if self.columns.get(label, label) not in table.header)

    def _load_csv(self, recipe: Recipe) -> Corpus:
        wanted = [recipe.task.target, *recipe.task.proxy_types, *recipe.task.labels]
        names = ColumnNames(
            id=self.columns.get("id"),
            text=self.columns.get("text", "text"),
            labels={label: self.columns.get(label, label) for label in dict.fromkeys(wanted)},
        )
        dev = None if self.dev is None else Path(self.dev)
        return load_csv(Path(self.path or ""), dev=dev, test=None, columns=names)


def parse_data_source(data: str, *, language: str | None, dev: str | None, columns: Mapping[str, str]) -> DataSource:
    """What ``--data`` means: the word ``sample``, a folder, or a CSV file.

    Raises:
        DataError: it is none of these, or an option does not go with it.
    """
    if data == SAMPLE:
        if language not in (None, "zho") or dev is not None or columns:
            raise DataError(
                "--language, --dev and --column must be left out with --data sample, which is Chinese and generated",
                "Give a folder or file with --data to use them.",
            )
        return DataSource(kind="sample")
    path = Path(data)
    if not data or not _exists(path):
        raise DataError(
            f"--data must be `sample`, a folder or a CSV file that exists, got {data!r}",
            "Check the path, or fetch POLAR with `tune-polar data fetch polar --language zho`.",
        )
    if path.is_dir():
        if dev is not None or columns:
            raise DataError(
                f"--dev and --column must be left out where --data is a POLAR folder, got {data!r}",
                "Give a CSV file with --data to name columns.",
            )
        return DataSource(kind="polar", path=str(path.resolve()), language=language or "zho")
    if language is not None:
        raise DataError(f"--language must be left out where --data is a CSV file, got {language!r}", "Leave it out.")
    dev_path = None if dev is None else str(Path(dev).resolve())
    return DataSource(kind="csv", path=str(path.resolve()), dev=dev_path, columns=dict(columns))


def _exists(path: Path) -> bool:
    try:
        return path.exists()
    except (OSError, ValueError):  # a name too long; a NUL character in it
        return False


def data_source_from_json(data: object) -> DataSource:
    """What a manifest keeps.

    Raises:
        DataError: it is something else.
    """
    try:
        return DataSource.model_validate(data)
    except ValidationError:
        raise DataError(
            f"a manifest's data source must name kind and path, got {data!r}",
            "Give the data anew with --data.",
        ) from None
