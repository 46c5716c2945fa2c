from __future__ import annotations

from typing import Any

import pytest

from tune_polar.decide.graph import Graph
from tune_polar.decide.groups import PerGroup
from tune_polar.errors import DecisionError

STAGES = ("detector", "classifier", "small", "large")
STEPS: dict[str, dict[str, Any]] = {
    "system": {"type": "gate", "of": "manifestations", "by": "polarized"},
    "polarized": {"type": "knn_vote", "of": "detector", "k": 49, "tau": 0.4},
    "manifestations": {"type": "threshold", "of": "classifier", "rule": "max_f1", "per": "language"},
}


def graph(score: str = "system", **changes: dict[str, Any]) -> Graph:
    return Graph.of({**STEPS, **changes}, score=score, stages=STAGES)


def test_decisions_are_found_below_each_other_in_any_order() -> None:
    found = graph()
    assert [node.name for node in found.scored.below] == ["manifestations", "polarized", "system"]
    assert found.scored.stages == {"detector", "classifier"}
    assert found.nodes["polarized"].stages == {"detector"}
    assert found.scored.chooses
    assert found.scored.decision.parameters == ()
    assert isinstance(found.nodes["manifestations"].decision, PerGroup)
    assert found.nodes["manifestations"].parameters == ("at",)
    assert found.nodes["polarized"].parameters == ("k", "tau")


def test_a_decision_may_bear_its_stages_name() -> None:
    steps = {
        "small": {"type": "threshold", "of": "small"},
        "detector": {"type": "argmax", "of": "detector"},
        "mean": {"type": "mean", "of": ["small", "large"]},
        "gated": {"type": "gate", "of": "small", "by": "detector"},
        "decided": {"type": "threshold", "of": "mean"},
    }
    found = Graph.of(steps, score="gated", stages=STAGES)
    assert found.nodes["small"].of == ("small",)  # its stage's table
    assert found.nodes["mean"].of == ("small", "large")  # tables, not what was decided of them
    assert found.scored.of == (found.nodes["small"],)  # a gate reads decisions
    assert found.scored.by == (found.nodes["detector"],)
    assert found.nodes["decided"].of == (found.nodes["mean"],)


def test_changing_a_setting_leaves_the_rest_alike() -> None:
    before = graph()
    after = before.changed({"manifestations.rule": "fixed"})
    assert (before.setting("manifestations.rule"), after.setting("manifestations.rule")) == ("max_f1", "fixed")
    assert after.nodes["polarized"].key == before.nodes["polarized"].key
    assert after.nodes["manifestations"].key != before.nodes["manifestations"].key
    assert after.scored.key != before.scored.key
    assert before.setting("manifestations.at") is None


@pytest.mark.parametrize(
    ("score", "changes", "message"),
    [
        ("nobody", {}, r"score.of must name a decision, one of \['system', .*\], got 'nobody'"),
        ("system", {"polarized": {"type": "vote", "of": "detector"}}, r"type must be one of argmax, .* got 'vote'"),
        ("system", {"polarized": {"of": "detector"}}, r"type must be one of argmax, .* got 'None'"),
        ("system", {"polarized": {"type": "knn_vote", "of": "detector", "q": 1}}, r"own settings, got .*'q'"),
        ("system", {"polarized": {"type": "knn_vote"}}, r"polarized.of must be one name, got None"),
        ("system", {"polarized": {"type": "mean", "of": "detector"}}, r"polarized.of must be a list of names"),
        ("system", {"polarized": {"type": "mean", "of": []}}, r"polarized.of must be a list of names, got \[\]"),
        ("system", {"polarized": {"type": "knn_vote", "of": "detector", "by": "x"}}, r"polarized.by must be left out"),
        ("system", {"system": {"type": "gate", "of": "manifestations"}}, r"system.by must be the name of a decision"),
        (
            "system",
            {"polarized": {"type": "knn_vote", "of": "nobody"}},
            r"polarized must read a stage or a decision, got 'nobody'\n  Remedy: There are classifier, detector, large",
        ),
        (
            "system",
            {"polarized": {"type": "threshold", "of": "manifestations"}},
            r"must read a stage or a mean, got the decision 'manifestations', which has decided already",
        ),
        (
            "system",
            {"system": {"type": "gate", "of": "classifier", "by": "polarized"}},
            r"system must read a decision, got 'classifier'",
        ),
        (
            "system",
            {"manifestations": {"type": "gate", "of": "system", "by": "polarized"}},
            r"in a circle, got system → manifestations → system",
        ),
        (
            "system",
            {"x": {"type": "argmax", "of": "detector", "per": "language"}},
            r"x: argmax must choose something to be chosen per language",
        ),
    ],
)
def test_bad_graphs(score: str, changes: dict[str, Any], message: str) -> None:
    with pytest.raises(DecisionError, match=message):
        graph(score, **changes)


@pytest.mark.parametrize(
    ("key", "message"),
    [
        ("nobody.rule", r"nobody.rule must begin with a decision, one of \['system'"),
        ("polarized.rule", r"polarized.rule must be a setting of polarized, one of \['k', 'tau'\]"),
        ("polarized", r"polarized must be a setting of polarized"),
    ],
)
def test_settings_that_there_are_not(key: str, message: str) -> None:
    with pytest.raises(DecisionError, match=message):
        graph().changed({key: 1})
