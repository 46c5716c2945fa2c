"""Out-of-fold rows of several groups joined: from several files of the same labels, or from one file's column."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from tune_polar.decide.predictions import OOF, PredictionTable, align
from tune_polar.decide.rows import Rows
from tune_polar.errors import DecisionError
from tune_polar.stats.group_thresholds import GROUP, GroupedRows, GroupThresholds, group_thresholds
from tune_polar.stats.scored_configuration import gold_of

_SELECTION_ROUNDS = 100  # the intervals of configurations that are only being chosen among are not looked at


@dataclass(frozen=True)
class GroupReport:
    """Every rule that chooses thresholds, for one configuration."""

    configuration: str
    compared: int  # configurations among which it was chosen
    rules: tuple[GroupThresholds, ...]


def grouped_rows(tables: Sequence[PredictionTable]) -> dict[str, GroupedRows]:
    """Joined rows of every configuration that is complete in all of ``tables``; several tables are groups.

    Raises:
        DecisionError: tables of different labels, no configuration that all have, or one table without groups.
    """
    labels = {table.labels for table in tables}
    if len(labels) != 1:
        raise DecisionError(
            f"files given together must have the same labels with gold, got {sorted(labels)}",
            "Give files of one subtask; a label that is empty in one language makes its labels differ.",
        )
    names = [each.name for each in tables[0].complete if all(each.name in {c.name for c in t.complete} for t in tables)]
    if not names:
        raise DecisionError(
            f"files given together must have a complete configuration in common, got "
            f"{[[each.name for each in table.complete] for table in tables]}",
            "Name configurations alike in all files.",
        )
    groups = group_names([table.path for table in tables])
    return {name: _joined(name, tables, groups) for name in names}


def _joined(name: str, tables: Sequence[PredictionTable], groups: Sequence[str]) -> GroupedRows:
    gold, probability, fold, group, ids = [], [], [], [], list[str]()
    for table, of_file in zip(tables, groups, strict=True):
        rows = align([each for each in table.complete if each.name == name], OOF)
        if rows.gold is None or rows.fold is None:
            raise DecisionError(f"{table.path}: out-of-fold rows must have gold and folds", "Write both.")
        if len(tables) == 1 and rows.group is None:
            raise DecisionError(
                f"{table.path}: groups must be told apart by a column or a file, got one file and no column",
                "Give --group COLUMN, or one file a group.",
            )
        gold.append(rows.gold)
        probability.append(rows.probability[0])
        fold.append(rows.fold[0])
        ids += [f"{len(gold)} {each}" for each in rows.ids]  # a text of another file is another text
        group += list(rows.group) if rows.group is not None else [of_file] * len(rows.ids)
    truth = gold_of(np.concatenate(gold), tables[0].labels)
    of_group, texts = np.array(group, dtype=object), np.unique(ids, return_inverse=True)[1]
    joined = Rows.of(truth, part=np.concatenate(fold), groups={GROUP: of_group}, ids=texts.reshape(-1))
    return GroupedRows(joined, np.concatenate(probability))


def group_names(paths: Sequence[Path]) -> tuple[str, ...]:
    """File names without their endings; whole paths where these would not be distinct."""
    short = tuple(path.name.partition(".")[0] for path in paths)
    return short if len(set(short)) == len(short) else tuple(str(path) for path in paths)


def group_report(tables: Sequence[PredictionTable], rules: Sequence[str], seed: int, rounds: int) -> GroupReport:
    """Compare per-group with pooled thresholds by every rule in ``rules`` that chooses any.

    The configuration is the one whose mean of both scores by the first such rule is highest, which favours neither.

    Raises:
        DecisionError: anything ``grouped_rows`` and ``group_thresholds`` refuse, or no rule but 0.5.
    """
    choosing = [rule for rule in rules if rule != "fixed"]
    if not choosing:
        raise DecisionError("groups need a rule that chooses thresholds, got fixed", "Add for example --rule max_f1.")
    joined = grouped_rows(tables)
    rng = np.random.default_rng(seed)

    def both(name: str) -> float:
        found = group_thresholds(choosing[0], joined[name], rng, rounds=_SELECTION_ROUNDS)
        return found.pooled + found.own

    best = max(joined, key=both)
    return GroupReport(
        best,
        len(joined),
        tuple(group_thresholds(rule, joined[best], rng, rounds=rounds) for rule in choosing),
    )
