"""What a store keeps of the data: ids, gold labels and fold plans, never a text.

With it every number of a search can be computed again from the store alone, on a machine without the data.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from tune_polar.data.checks import normalised
from tune_polar.data.corpus import Corpus, IntArray, Split
from tune_polar.data.fold_plan import FoldPlan
from tune_polar.store.codec import encode_arrays
from tune_polar.store.record import Array


@dataclass(frozen=True, eq=False)
class GoldSplit:
    """Ids and gold of one split; ``labels[name]`` has shape (rows,)."""

    ids: tuple[str, ...]
    labels: Mapping[str, IntArray]

    def matrix(self, names: tuple[str, ...]) -> IntArray:
        """Labels side by side, shape (rows, names)."""
        return np.stack([self.labels[name] for name in names], axis=1)


@dataclass(frozen=True, eq=False)
class Gold:
    """Gold labels of train and dev, and who is validated where."""

    train: GoldSplit
    dev: GoldSplit | None  # None: no dev split, or one without gold
    detector_plan: FoldPlan
    classifier_plan: FoldPlan
    repeated_in_folds: tuple[tuple[str, str], ...] = ()  # ids of train rows of two folds with one text
    repeated_in_dev: tuple[tuple[str, str], ...] = ()  # ids of a dev and a train row with one text

    def to_parts(self) -> tuple[dict[str, object], dict[str, Array]]:
        """Header and arrays for one safetensors file."""
        header: dict[str, object] = {"plans": {}, "splits": {}}
        arrays: dict[str, Array] = {}
        plans: dict[str, object] = {}
        for name, plan in (("detector", self.detector_plan), ("classifier", self.classifier_plan)):
            plans[name] = {"kind": plan.kind, "count": plan.count, "seed": plan.seed, "hash": plan.hash}
            arrays[f"plan/{name}"] = plan.assignment.astype(np.int32)
        splits: dict[str, object] = {}
        for split_name, split in (("train", self.train), ("dev", self.dev)):
            if split is None:
                continue
            splits[split_name] = {"ids": list(split.ids), "labels": list(split.labels)}
            for label, values in split.labels.items():
                arrays[f"gold/{split_name}/{label}"] = values.astype(np.int8)
        header["plans"], header["splits"] = plans, splits
        header["repeated"] = {"folds": list(self.repeated_in_folds), "dev": list(self.repeated_in_dev)}
        return header, arrays

    @staticmethod
    def from_parts(header: Mapping[str, Any], arrays: Mapping[str, Array]) -> Gold:
        """What ``to_parts`` wrote.

        Raises:
            KeyError, TypeError, ValueError: it is something else.
        """
        if not isinstance(header["plans"], dict) or not isinstance(header["splits"], dict):
            raise ValueError("plans and splits must be given by name")

        def plan(name: str) -> FoldPlan:
            about = header["plans"][name]
            assignment = arrays[f"plan/{name}"].astype(np.int64)
            return FoldPlan(about["kind"], about["count"], about["seed"], assignment)

        def split(name: str) -> GoldSplit | None:
            about = header["splits"].get(name)
            if about is None:
                return None
            ids = tuple(str(row_id) for row_id in about["ids"])
            labels = {label: arrays[f"gold/{name}/{label}"].astype(np.int64) for label in about["labels"]}
            if any(values.shape != (len(ids),) for values in labels.values()):
                raise ValueError(f"labels of {name} must be one for each of its {len(ids)} rows")
            return GoldSplit(ids, labels)

        train = split("train")
        if train is None:
            raise ValueError("the gold of train is missing")
        repeated, detector_plan, classifier_plan = header["repeated"], plan("detector"), plan("classifier")
        if {len(each.assignment) for each in (detector_plan, classifier_plan)} != {len(train.ids)}:
            raise ValueError(f"fold plans must assign each of the {len(train.ids)} rows of train")
        return Gold(
            train,
            split("dev"),
            detector_plan,
            classifier_plan,
            tuple((str(one), str(other)) for one, other in repeated["folds"]),
            tuple((str(one), str(other)) for one, other in repeated["dev"]),
        )


def gold_of(corpus: Corpus, detector_plan: FoldPlan, classifier_plan: FoldPlan) -> Gold:
    """The part of a corpus that a store keeps."""

    def split(rows: Split) -> GoldSplit:
        return GoldSplit(rows.ids, rows.labels)

    dev = corpus.dev
    return Gold(
        split(corpus.train),
        split(dev) if dev is not None and dev.labels else None,
        detector_plan,
        classifier_plan,
        _repeated_in_folds(corpus.train, detector_plan),
        () if dev is None else _repeated_in_dev(corpus.train, dev),
    )


def gold_digest(gold: Gold) -> str:
    """Hash of everything a score reads of ``gold``."""
    return hashlib.sha256(encode_arrays(*gold.to_parts())).hexdigest()


def _repeated_in_folds(train: Split, plan: FoldPlan) -> tuple[tuple[str, str], ...]:
    first: dict[str, int] = {}
    pairs = []
    for row, text in enumerate(train.texts):
        other = first.setdefault(normalised(text), row)
        if plan.assignment[other] != plan.assignment[row]:
            pairs.append((train.ids[other], train.ids[row]))
    return tuple(pairs)


def _repeated_in_dev(train: Split, dev: Split) -> tuple[tuple[str, str], ...]:
    known = {normalised(text): train.ids[row] for row, text in enumerate(train.texts)}
    return tuple(
        (dev.ids[row], known[normalised(text)]) for row, text in enumerate(dev.texts) if normalised(text) in known
    )
