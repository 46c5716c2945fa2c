"""ensemble.yaml: what is written is read again, and what is no ensemble is refused with its line and key."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import yaml

from tune_polar.decide.decision_engine import decide_rows
from tune_polar.decide.evidence import Evidence
from tune_polar.decide.groups import GroupSettings
from tune_polar.decide.rows import Rows
from tune_polar.decide.tables import Table
from tune_polar.errors import DecisionError, SpecError
from tune_polar.evaluate.ensemble_file import EnsembleFile
from tune_polar.report.ensemble_yaml import ensemble_yaml, read_ensemble

DATA = {
    "ensemble": "st3",
    "better": True,
    "score": {
        "of": "system",
        "metric": "macro_f1",
        "ensemble": 0.71,
        "pick": 0.69,
        "configuration": "aaa",
        "gain": 0.02,
        "low": 0.01,
        "high": 0.03,
        "level": 0.9,
    },
    "members": [
        {
            "configuration": "aaa",
            "weight": 0.75,
            "settings": {"detector.optimizer.lr": 2e-05},
            "cells": [{"fold": 0, "seed": 42}, {"fold": 1, "seed": 42}],
            "k": {"detector": 2},
        },
        {"configuration": "bbb", "weight": 0.25, "settings": {}, "cells": [{"fold": 0, "seed": 42}], "k": {}},
    ],
    "stages": {
        "detector": {"gold": "binary", "columns": ["rude"]},
        "sorter": {"gold": "labels", "columns": ["loud", "sly"]},
    },
    "decide": {
        "vote": {
            "type": "threshold",
            "of": "detector",
            "per": "language",
            "at": {"rude": 0.5},
            "groups": {"deu": {"at": {"rude": 0.9}}},
        },
        "kinds": {"type": "threshold", "of": "sorter", "at": {"loud": 0.5, "sly": 2.0}},
        "system": {"type": "gate", "of": "kinds", "by": "vote"},
    },
}


def file_of(tmp_path: Path, data: object) -> EnsembleFile:
    path = tmp_path / "ensemble.yaml"
    path.write_text(yaml.safe_dump(data, sort_keys=False))
    return read_ensemble(path)


def changed(key: str, value: object) -> dict[str, object]:
    data: dict[str, object] = yaml.safe_load(yaml.safe_dump(DATA))
    place: object = data
    *above, last = key.split(".")
    for part in above:
        place = place[int(part)] if isinstance(place, list) else place[part]  # type: ignore[index]
    place[last] = value  # type: ignore[index]
    return data


def test_what_is_written_is_read_again(tmp_path: Path) -> None:
    file = EnsembleFile.model_validate(DATA)
    path = tmp_path / "ensemble.yaml"
    path.write_text(ensemble_yaml(file, ["of a search\nin a folder"]))
    assert read_ensemble(path) == file
    assert path.read_text().startswith("# of a search in a folder\n")


def test_it_decides_as_it_says(tmp_path: Path) -> None:
    """Shares by hand: 0.75·(½, 1, 1) + 0.25·(0.4, 0.2, 0.9) for the detector."""
    file = file_of(tmp_path, DATA)
    nearest = np.array([[1, 0, 1], [1, 1, 0], [1, 1, 1]])
    tables = file.tables(
        {
            "aaa": {
                "detector": Table.of("neighbours", [nearest]),
                "sorter": Table.of("probability", [np.array([[0.8, 1.0], [0.2, 1.0], [0.8, 1.0]])]),
            },
            "bbb": {
                "detector": Table.of("probability", [np.array([[0.4], [0.2], [0.9]])]),
                "sorter": Table.of("probability", [np.full((3, 2), 0.6)]),
            },
        }
    )
    assert tables["detector"].ensemble[:, 0] == pytest.approx([0.475, 0.8, 0.975])
    groups = np.array(["deu", "deu", "deu"])
    rows = {
        "detector": Rows.unlabelled("binary", ["rude"], 3, {"language": groups}),
        "sorter": Rows.unlabelled("labels", ["loud", "sly"], 3),
    }
    decided = decide_rows(file.graph, "system", file.chosen(), Evidence(tables, rows))
    assert decided.tolist() == [[False, False], [False, False], [True, False]]


def test_groups_have_codes_where_rows_do(tmp_path: Path) -> None:
    chosen = file_of(tmp_path, DATA).chosen({"language": ["eng", "deu"]})["vote"]
    assert isinstance(chosen, GroupSettings)
    assert list(chosen.own) == [1]


def test_a_member_without_tables_is_named(tmp_path: Path) -> None:
    with pytest.raises(DecisionError, match=r"every member must have a table of 'detector', got none of \['aaa'"):
        file_of(tmp_path, DATA).tables({})


@pytest.mark.parametrize(
    ("key", "value", "said"),
    [
        ("members", [], "members: must not be empty"),
        ("members.0.weight", 0, "members.0.weight: "),
        ("members.0.weight", "much", "members.0.weight: must be a number, got 'much'"),
        ("members.1.configuration", "aaa", "must name each configuration once, got ['aaa', 'aaa']"),
        ("members.0.k", {"nobody": 3}, "must be of stages, which are ['detector', 'sorter'], got ['nobody']"),
        ("members.0.k", {"detector": 0}, "members.0.k.detector: "),
        ("more", 1, "more: "),
        ("stages", {}, "stages: must not be empty"),
        ("decide.kinds", {"type": "threshold", "of": "sorter"}, "decide.kinds: must say what was chosen"),
        ("decide.kinds.at", {"loud": 0.5}, "decide: `at` must name each of"),
        ("decide.kinds.at", {"loud": [], "sly": 0.5}, "decide: must be decisions as written"),
        ("decide.kinds.type", "magic", "decide: a decision's type must be one of"),
        ("decide.vote.groups", [1], "decide: must be decisions as written"),
        ("decide.kinds.of", "nobody", "decide: kinds must read a stage or a decision"),
        ("score.of", "nobody", "decide: score.of must name a decision"),
        ("score.level", 1.5, "score.level: "),
        ("score.metric", "luck", "score.metric: must be one of"),
        ("better", "perhaps", "better: must be true or false"),
    ],
)
def test_what_breaks_a_rule_is_refused(tmp_path: Path, key: str, value: object, said: str) -> None:
    with pytest.raises(SpecError) as refused:
        file_of(tmp_path, changed(key, value))
    assert said in str(refused.value)
    assert "ensemble.yaml" in str(refused.value)


@pytest.mark.parametrize("text", ["", "[]", "ensemble: &a 1", "\x00", "ensemble: [1", "a: 1\na: 2"])
def test_what_is_no_file_of_keys_is_refused(tmp_path: Path, text: str) -> None:
    path = tmp_path / "ensemble.yaml"
    path.write_text(text)
    with pytest.raises(SpecError, match=r"ensemble\.yaml"):
        read_ensemble(path)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "must hold keys and values, got nothing"),
        (b"- a\n", "must hold keys and values, got a list"),
        (b"better: [\n", "must be plain YAML"),
        (b"better: true\nbetter: false\n", "better"),
        (b"\xff\xfe", "must be UTF-8 text"),
        (b"#" * 1_000_001, "must be at most 1000000 bytes"),
    ],
)
def test_a_broken_file_is_restored_not_copied_from_a_recipe(tmp_path: Path, content: bytes, said: str) -> None:
    path = tmp_path / "ensemble.yaml"
    path.write_bytes(content)
    with pytest.raises(SpecError) as refused:
        read_ensemble(path)
    assert said in refused.value.problem
    assert refused.value.remedy.startswith("Restore the file, or have it written anew")
    with pytest.raises(SpecError) as absent:
        read_ensemble(tmp_path / "absent.yaml")
    assert absent.value.remedy == "Check the path and its permissions."
