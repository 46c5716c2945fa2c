"""Reads a data set: the rows of a source, with the columns that a recipe wants."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from tune_polar.data.assemble import assembled
from tune_polar.data.cell_values import Cells
from tune_polar.data.column_request import ColumnSpec, DataRequest
from tune_polar.data.columns import Column, IntArray, text_column
from tune_polar.data.cross_file_rules import cross_file_findings
from tune_polar.data.findings import Faults, Finding, data_error, errors_in
from tune_polar.data.further_texts import further_texts
from tune_polar.data.gold_rules import labels_outside, missing_gold, without_unknown_gold
from tune_polar.data.layout import Layout
from tune_polar.data.readers import Place
from tune_polar.data.readers.polar import order_place, scan_order, scan_polar
from tune_polar.data.readers.raw import header_shown
from tune_polar.data.samples import make_sample
from tune_polar.data.scan import Role, ScannedFile, ScannedSplit, scan_file
from tune_polar.data.source import DEFAULT_LANGUAGE, SAMPLE, Source, absolute
from tune_polar.data.table import DEV, EXTRA, TEST, TRAIN, Corpus, Split, SplitName
from tune_polar.errors import DataError

FILE_REMEDY = "Mend the named places, or name the right file; `tune-polar data check` lists every finding."
COLUMN_REMEDY = (
    "Name your own columns: --text COLUMN, --target COLUMN, or for a recipe's own names --column hate=class=hateful "
    "(hateful is 1, all else 0); "
    "`tune-polar data check` lists every finding."
)


POLAR_REMEDY = "Take a recipe that learns what these files have, or name other languages with --language."


@dataclass(frozen=True, eq=False)
class Scanned:
    """All files of a data set, read, with everything that is wrong with them."""

    name: str
    splits: tuple[ScannedSplit, ...]
    extra: ScannedSplit | None
    order: IntArray | None  # of the rows of train
    findings: tuple[Finding, ...]
    column_remedy: str = COLUMN_REMEDY  # where a column is lacking

    def to_corpus(self) -> Corpus:
        """The corpus, if nothing is wrong.

        Raises:
            DataError: the first findings.
        """
        errors = errors_in(self.findings)
        if errors:
            lacks = any(finding.code in ("missing-column", "label-value") for finding in errors)
            raise data_error(errors, self.column_remedy if lacks else FILE_REMEDY)
        warnings = tuple(self.findings)
        return replace(assembled(self.name, self.splits, self.extra, self.order), warnings=warnings)


def load_corpus(source: Source, request: DataRequest) -> Corpus:
    """Read the data set.

    Splits other than train may lack columns; ``Split.missing`` names them.

    Raises:
        DataError: a file cannot be read, lacks a column or breaks a rule; all rules and places at once.

    Example: ``load_corpus(parse_source("tweets.csv"), DataRequest(column_specs(labels=["hate"])))``
    """
    return scan_source(source, request).to_corpus()


def scan_source(source: Source, request: DataRequest) -> Scanned:
    """Read every file of ``source`` and of ``request`` and look at every row.

    Raises:
        DataError: an option names what is not there to be named, or the source has no train file.
    """
    layout = Layout(request.specs, source.columns)
    layout.check_names([TRAIN, DEV, TEST, EXTRA, *request.evaluate])
    if request.order == "competition" and source.kind != "polar":
        raise DataError(
            f"folds.order: competition must be used with a POLAR folder, got data {source.kind!r}",
            "Leave the order out with --set folds.order=file, or give the POLAR folder with --data.",
        )
    splits = without_unknown_gold(_own_splits(source, layout, request.sample))
    order: IntArray | None = None
    order_findings: list[Finding] = []
    if request.order == "competition":
        place = order_place(Place(source.path or ""), source.language or DEFAULT_LANGUAGE)
        order, order_findings = scan_order(place, splits[0].ids)
    own = len(splits)
    splits += _evaluation_sets(request, layout)
    extra = _extra_rows(source, request, layout, splits[0])
    every = [*splits, *([] if extra is None else [extra])]
    findings = [finding for split in every for finding in split.findings()]
    findings += [*order_findings, *cross_file_findings(splits, extra, request)]
    for split in splits:
        findings += labels_outside(split, request.under)
        findings += [] if errors_in(findings) else missing_gold(split, request.specs)
    of_polar = (finding.code for split in splits[:own] for finding in split.findings() if source.kind == "polar")
    remedy = POLAR_REMEDY if "missing-column" in of_polar else COLUMN_REMEDY
    return Scanned(_name(source), tuple(splits), extra, order, tuple(findings), remedy)


def _own_splits(source: Source, layout: Layout, sample: str) -> list[ScannedSplit]:
    if source.kind == "sample":
        return _sample(source, layout, sample)
    if source.kind == "polar":
        return scan_polar(Place(source.path or ""), source.language or DEFAULT_LANGUAGE, layout.specs)
    roles: dict[SplitName, Role] = {TRAIN: "train", DEV: "held_out", TEST: "held_out"}
    return [
        ScannedSplit(name, tuple(scan_file(place, layout.of(name), role) for place in source.places(name)))
        for name, role in roles.items()
        if name in source.files
    ]


def _extra_rows(source: Source, request: DataRequest, layout: Layout, train: ScannedSplit) -> ScannedSplit | None:
    """Those of the file that is named, else those that the sample has.

    A column that train may lack, and does, says of extra rows nothing that anybody reads.
    """
    asked = request.extra
    if asked is None or (asked.file is None and source.kind != "sample"):
        return None
    if asked.file is None:
        corpus = make_sample(request.sample, source.seed)
        if not len(corpus.sources):
            return None
        rows = corpus.train.take(np.arange(corpus.own_rows, len(corpus.train), dtype=np.int64))
        made_from = tuple("" if row < 0 else corpus.train.ids[row] for row in corpus.sources.tolist())
        lines = np.arange(1, len(rows) + 1)
        faults = Faults(SAMPLE)
        columns = _asked_texts(rows, layout.specs, faults)
        file = ScannedFile(Place(SAMPLE), lines, rows.ids, rows.texts, columns, sources=made_from)
        return ScannedSplit(EXTRA, (replace(file, findings=tuple(faults.findings())),))
    by = () if asked.by is None else (ColumnSpec(asked.by, "group"),)
    there = {name for file in train.files for name in file.columns}
    specs = [spec for spec in layout.specs if not spec.optional or spec.name in there]
    own = replace(layout.of(EXTRA), specs=(*specs, *by))
    return ScannedSplit(EXTRA, (scan_file(absolute(asked.file), own, "extra"),))


def _sample(source: Source, layout: Layout, name: str) -> list[ScannedSplit]:
    corpus = make_sample(name, source.seed).without_extra()
    there = _asked_texts(corpus.train, layout.specs, Faults(SAMPLE))
    lacking = [spec.name for spec in layout.specs if not spec.optional and spec.name not in there]
    if lacking:
        raise DataError(
            f"the sample {name} has the columns {list(corpus.train.columns)}, got a recipe that reads {lacking}",
            "Give a folder or file of your own with --data.",
        )
    found = []
    for split_name, split in corpus.splits.items():
        faults = Faults(SAMPLE)
        lines, columns = np.arange(1, len(split) + 1), _asked_texts(split, layout.specs, faults)
        file = ScannedFile(Place(SAMPLE), lines, split.ids, split.texts, columns, findings=tuple(faults.findings()))
        found.append(ScannedSplit(split_name, (file,)))
    return found


def _asked_texts(split: Split, specs: Sequence[ColumnSpec], faults: Faults) -> dict[str, Column]:
    """The columns of a split of the sample, its further texts as they are asked for."""
    found = dict(split.columns)
    for spec in specs:
        if spec.kind == "text" and spec.column is not None and spec.column in split.columns:
            names = [name for name in (spec.column, spec.otherwise) if name is not None and name in split.columns]
            said = [Cells(name, split.words(name), np.arange(1, len(split) + 1)) for name in names]
            found[spec.name] = text_column(further_texts(said, split.texts, faults))
    return found


def _evaluation_sets(request: DataRequest, layout: Layout) -> list[ScannedSplit]:
    found = []
    for name, about in request.evaluate.items():
        if name in (TRAIN, DEV, TEST, EXTRA):
            raise DataError(
                f"an evaluation set must have a name of its own, got {name!r}", "Rename it under data.evaluate."
            )
        file = scan_file(absolute(about.path), layout.of(name, about.columns), "evaluated")
        found.append(ScannedSplit(name, (_with_gold(name, file, about.gold),)))
    return found


def _with_gold(name: str, file: ScannedFile, gold: Sequence[str]) -> ScannedFile:
    """``file``; without any gold that is wrong with it, and what to do."""
    if not gold or any(each in file.columns for each in gold) or errors_in(file.findings):
        return file
    rule = (
        f"an evaluation set must have gold of {' or '.join(map(repr, gold))}, got {header_shown(file.header)}: "
        f"name the column with `column` under data.evaluate.{name}, or --column {name}.{gold[0]}=COLUMN"
    )
    return replace(file, findings=(*file.findings, Finding("error", "no-gold", str(file.place), None, None, rule)))


def _name(source: Source) -> str:
    if source.kind == "sample":
        return SAMPLE
    if source.kind == "polar":
        return f"polar-{source.language or DEFAULT_LANGUAGE}"
    place = Place(source.path or "")
    return place.stem or place.name
