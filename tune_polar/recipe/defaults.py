"""What a recipe leaves out and its task says: filled in before it is checked, so that a loaded recipe says everything.

=============  ======================  =================  =======================================  ===========
task           predicts                loss               decision                                 metric
=============  ======================  =================  =======================================  ===========
binary         a probability           cross_entropy      a threshold for the best macro-F1        macro_f1
  projection   neighbours              soft_triple        a vote of the nearest training rows
multiclass     a probability a class   cross_entropy      argmax                                   macro_f1
multilabel     a probability a label   cross_entropy      a threshold a label for the best F1      macro_f1
regression     a value                 mse                clip to the declared range               pearson
=============  ======================  =================  =======================================  ===========

A threshold that is written without a rule has its task's too.

Values that cannot be read are left as they are: checking them names the fault.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from tune_polar.recipe.components import HEADS, LOSSES, TASKS
from tune_polar.recipe.components.metrics import METRICS
from tune_polar.recipe.components.tasks import GoldKind
from tune_polar.recipe.nodes import field_node
from tune_polar.recipe.sections import TINY, Stage
from tune_polar.recipe.tree import NOTHING, Tree, at, columns_at, merged

# The embedded encoder is trained from scratch: it wants larger steps and fewer of them.
_TINY_ENCODER: Tree = {"pooling": "mean", "tiny": {"hidden": 64}}
_TINY_OPTIMIZER: Tree = {"lr": 2e-3}
_TINY_EPOCHS: Tree = {"max_epochs": 5}  # where nobody says how long
_TINY_BATCHES: Tree = {"size": 32}
_BATCHES: Tree = {"type": "length_grouped"}


def with_defaults(values: Mapping[str, Any]) -> Tree:
    """``values`` with all that follows from them; those given are kept."""
    tree: Tree = dict(values)
    if tree.get("folds", {}) == {} or isinstance(tree["folds"], Mapping):
        tree["folds"] = {"plan": "stratified", **tree.get("folds", {})}
    encoder = tree.get("encoder", {})
    tree["encoder"] = _filled(encoder, _TINY_ENCODER) if _is_tiny(encoder) else encoder
    stages = tree.get("stages")
    if not isinstance(stages, Mapping):
        return tree
    tree["stages"] = {name: _stage(stage, tree["encoder"]) for name, stage in stages.items()}
    _score(tree)
    _decisions(tree)
    tree["stages"] = {name: _kept(name, stage, tree) for name, stage in tree["stages"].items()}
    return tree


_RULES: Mapping[GoldKind, str] = {"binary": "smoothed_max_macro_f1", "labels": "smoothed_max_f1"}


def default_metric(gold: GoldKind) -> str:
    """What decisions of this kind are scored by where nothing is said."""
    return "pearson" if gold == "number" else "macro_f1"


def default_decision(tree: Tree, stage: str) -> Tree | None:
    """The decision that a stage's task has where none is written; None where the stage cannot be read."""
    gold, predicts = _gold(tree, stage), at(tree, ("stages", stage, "predicts"))
    if predicts == "neighbours":
        return {"type": "knn_vote", "of": stage}
    if gold == "number":
        (column,) = columns_at(tree, ("stages", stage)) or ("",)
        ends = at(tree, ("data", "numbers", column))
        low, high = ends if isinstance(ends, list | tuple) and len(ends) == 2 else (None, None)
        return {"type": "clip", "of": stage, "low": low, "high": high}
    if gold == "class":
        return {"type": "argmax", "of": stage}
    return None if gold is None else {"type": "threshold", "of": stage, "rule": default_rule(gold)}


def default_rule(gold: GoldKind) -> str:
    """How thresholds are chosen where nothing is said."""
    return _RULES[gold]


def _stage(stage: object, encoder: object) -> object:
    if not isinstance(stage, Mapping):
        return stage
    found: Tree = dict(stage)
    own = found.get("encoder", {})
    found["encoder"] = merged(encoder, own, field_node(Stage, "encoder"))
    tiny = _is_tiny(found["encoder"])
    if tiny and not _is_tiny(encoder):
        found["encoder"] = _filled(found["encoder"], _TINY_ENCODER)
    optimizer = found.get("optimizer", {})
    found["optimizer"] = _tiny_optimizer(optimizer) if tiny else optimizer
    found["batches"] = _filled(found.get("batches", {}), {**_BATCHES, **(_TINY_BATCHES if tiny else {})})
    task = found.get("task")
    kind = TASKS.find(task.get(TASKS.tag)) if isinstance(task, Mapping) else None
    if kind is None:
        return found
    gold = kind.gold
    embeds = _embeds(found)
    found.setdefault("predicts", "value" if gold == "number" else "neighbours" if embeds else "probability")
    found.setdefault("head", {})
    if isinstance(found["head"], Mapping):
        found["head"] = {HEADS.tag: "projection" if embeds else "linear", **found["head"]}
    found.setdefault("losses", {"mse" if gold == "number" else "soft_triple" if embeds else "cross_entropy": {}})
    return found


def _tiny_optimizer(section: object) -> object:
    says_steps = isinstance(section, Mapping) and section.get("max_steps") is not None
    return _filled(section, _TINY_OPTIMIZER if says_steps else {**_TINY_OPTIMIZER, **_TINY_EPOCHS})


def _embeds(stage: Tree) -> bool:
    """Whether the stage's head gives vectors: it says so itself, or its table or a loss asks for them."""
    head = stage.get("head")
    kind = HEADS.find(head.get(HEADS.tag)) if isinstance(head, Mapping) else None
    if kind is not None:
        return kind.gives == "embeddings"
    losses = stage.get("losses")
    needs = isinstance(losses, Mapping) and any(
        name in LOSSES and LOSSES[name].heads == {"embeddings"} for name in losses
    )
    return needs or stage.get("predicts") == "neighbours"


def _score(tree: Tree) -> None:
    """What is scored where only one thing can be meant, and by what."""
    score = tree.get("score", {})
    if not isinstance(score, Mapping):
        return
    found: Tree = dict(score)
    if "of" not in found:
        last = _last(tree)
        if len(last) != 1:
            return
        found["of"] = last[0]
    if "metric" not in found:
        golds = [_gold(tree, stage) for stage in _stages_below(tree, found["of"], ())]
        if not golds:  # it names nothing: that is said, and not that a metric is missing
            golds = ["binary"]
        if golds[-1] is None:
            tree["score"] = found
            return
        found["metric"] = default_metric(golds[-1])
    tree["score"] = found


def _last(tree: Tree) -> list[str]:
    """Decisions that no other reads; without decisions, stages that no other starts from."""
    decide = tree.get("decide", {})
    if isinstance(decide, Mapping) and decide:
        read = {each for name in decide for each in _reads(tree, name) if each != name}
        return [name for name in decide if name not in read]
    started = {at(tree, ("stages", name, "start", "stage")) for name in tree["stages"]}
    return [name for name in tree["stages"] if name not in started]


def _decisions(tree: Tree) -> None:
    """Decisions of stages that the score, a mean or a gate names, and that have none of their own name."""
    decide = tree.get("decide", {})
    if not isinstance(decide, Mapping):
        return
    found: Tree = dict(decide)
    named = [at(tree, ("score", "of"))]
    for name, decision in decide.items():
        if isinstance(decision, Mapping) and decision.get("type") in ("mean", "gate"):
            named.extend(_reads(tree, name))
    for name in named:
        if isinstance(name, str) and name in tree["stages"] and name not in found:
            default = default_decision(tree, name)
            if default is not None:
                found[name] = default
    tree["decide"] = {name: _with_rule(name, decision, tree) for name, decision in found.items()}


def _with_rule(name: str, decision: object, tree: Tree) -> object:
    """A threshold with the rule of the task that it decides, where none is written."""
    if not isinstance(decision, Mapping) or decision.get("type") != "threshold" or "rule" in decision:
        return decision
    golds = (_gold(tree, stage) for stage in _stages_below(tree, name, ()))
    rules = [_RULES[gold] for gold in golds if gold is not None and gold in _RULES]
    # Without such a task something else is wrong, which is to be said and not that a rule is missing
    return {**decision, "rule": rules[-1] if rules else "max_f1"}


def _kept(name: str, stage: object, tree: Tree) -> object:
    """The stage with the metric that its weights are kept by: the score's, where it fits."""
    gold = _gold(tree, name)
    if not isinstance(stage, Mapping) or "keep" in stage or gold is None:
        return stage
    predicts, metric = stage.get("predicts"), at(tree, ("score", "metric"))
    if predicts == "neighbours":
        keep: object = "precision_at_1"
    elif isinstance(metric, str) and metric in METRICS and METRICS[metric].may_keep(gold, str(predicts)):
        keep = metric
    else:
        keep = default_metric(gold)
    return {**stage, "keep": keep}


def _stages_below(tree: Tree, name: object, above: tuple[object, ...]) -> Iterator[str]:
    """Stages that a decision or stage rests on."""
    if name in above or not isinstance(name, str):
        return
    if at(tree, ("decide", name)) is NOTHING:
        if name in tree["stages"]:
            yield name
        return
    for read in _reads(tree, name):
        if read == name and name in tree["stages"]:
            yield name
        else:
            yield from _stages_below(tree, read, (*above, name))


def _reads(tree: Tree, name: str) -> list[str]:
    """What a decision reads, what it lets through or averages last."""
    found: list[str] = []
    for key in ("by", "of"):
        value = at(tree, ("decide", name, key))
        found.extend(value if isinstance(value, list | tuple) else [value] if isinstance(value, str) else [])
    return [each for each in found if isinstance(each, str)]


def _gold(tree: Tree, stage: str) -> GoldKind | None:
    kind = TASKS.find(at(tree, ("stages", stage, "task", TASKS.tag)))
    return None if kind is None else kind.gold


def _is_tiny(encoder: object) -> bool:
    return isinstance(encoder, Mapping) and encoder.get("name", TINY) == TINY


def _filled(section: object, more: Mapping[str, object]) -> object:
    """``section`` with ``more`` where it says nothing."""
    if not isinstance(section, Mapping):
        return section
    found: Tree = dict(section)
    for key, value in more.items():
        if key not in found:
            found[key] = value
        elif isinstance(value, Mapping):
            found[key] = _filled(found[key], value)
    return found
