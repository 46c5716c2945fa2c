"""Nested values of a recipe before they are checked: how one part is laid over another.

One rule for sections of a file that extends another, for `changes`, profiles, ablations, `--set` and points of a space:
mappings are merged key by key; a component of another type, or losses of other names, take the whole place of what was
there, but for what lasts (columns whose rows no fold parts); null takes away what the user named (a stage, a decision,
a loss); a single word stands for its section.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic import ValidationError

from tune_polar.recipe.components import TASKS
from tune_polar.recipe.message_words import KeyPath
from tune_polar.recipe.nodes import Node, root
from tune_polar.recipe.registry import names_in

Tree = dict[str, Any]
NOTHING = object()


def merged(old: object, new: object, node: Node | None) -> object:
    """``new`` laid over ``old`` (``NOTHING``: there is none) at ``node`` (None: an unknown place). Both stay as are."""
    if (
        node is None
        or node.is_leaf
        or (node.each is not None and not (isinstance(old, Mapping) and isinstance(new, Mapping)))
    ):
        return _copied(new)
    if node.several is not None:
        return _losses(old, new, node)
    if node.word is not None and isinstance(new, str):
        new = {node.word: new}
    if not isinstance(new, Mapping):
        return new
    below: Mapping[str, object] = old if isinstance(old, Mapping) else {}
    if _is_another(below, new, node):
        below = _lasting(below, node)
    found: Tree = dict(below)
    for key, value in new.items():
        name = str(key)
        if value is None and node.items is not None and name in below:
            del found[name]
        else:
            there = below.get(name, NOTHING)
            found[name] = merged(there, value, node.below(name, {**below, **new}))
    return found


def _is_another(old: Mapping[str, object], new: Mapping[str, object], node: Node) -> bool:
    """Whether ``new`` says that it is another component than ``old``."""
    if node.one is None:
        return False
    tag = node.one.registry.tag
    return tag in new and new[tag] != old.get(tag, node.one.default)


def _lasting(old: Mapping[str, object], node: Node) -> Tree:
    """What another component takes over from the one before."""
    names = () if node.one is None else node.one.registry.lasting
    return {name: old[name] for name in names if old.get(name)}


def _losses(old: object, new: object, node: Node) -> object:
    """Components by name: of the same names, merged; of others, the new ones alone."""
    before: Mapping[str, object] = old if isinstance(old, Mapping) else {}
    if isinstance(new, str):  # those of these names, with what is said of them already
        return {name: _copied(before.get(name, {})) for name in names_in(new)}
    if not isinstance(new, Mapping):
        return new
    kept = {
        str(name): {} if value is None else value
        for name, value in new.items()
        if value is not None or name not in before
    }
    left = {name: value for name, value in before.items() if new.get(name, NOTHING) is not None}
    if len(left) < len(before) and not kept:  # nothing but names taken away
        return dict(left)
    below = left if set(kept) == set(left) else {}
    return {name: merged(below.get(name, NOTHING), value, node.below(name)) for name, value in kept.items()}


def put(tree: Tree, path: KeyPath, value: object, node: Node) -> None:
    """Lay ``value`` over what ``tree`` has at ``path``; ``node`` is the schema of ``tree``. Sections above are made."""
    columns = columns_at(tree, path)
    for part in path[:-1]:
        below = node.below(str(part), tree) or Node()
        inner = tree.get(str(part))
        if below.each is not None and not isinstance(inner, Mapping):  # one value for all becomes one for each
            for_all = inner if inner is not None or below.about is None else below.about.default
            inner = {} if for_all is None else dict.fromkeys(columns, for_all)
        elif below.word is not None and isinstance(inner, str):
            inner = {below.word: inner}
        tree[str(part)] = inner = dict(inner) if isinstance(inner, Mapping) else {}
        tree, node = inner, below
    name = str(path[-1])
    if value is None and node.items is not None and name in tree:
        del tree[name]
        return
    if node.one is not None and name == node.one.registry.tag and tree.get(name, node.one.default) != value:
        kept = _lasting(tree, node)  # another component: nothing else of the one before holds
        tree.clear()
        tree.update(kept)
    tree[name] = merged(tree.get(name, NOTHING), value, node.below(name, tree))


def chooses(path: KeyPath, value: object) -> bool:
    """Whether a value at ``path`` says which component stands there, or whether anything does."""
    node = root()
    for part in map(str, path):
        if node.one is not None and part == node.one.registry.tag:
            return True
        node = node.below(part) or node
    return not node.is_leaf and (value is None or isinstance(value, str))


def revision_beside(tree: Tree, path: KeyPath) -> KeyPath | None:
    """Where ``tree`` has the commit of the encoder that is named at ``path``; None: it has none."""
    beside: KeyPath = (*path[:-1], "revision")
    return beside if path[-1] in ("name", "encoder") and at(tree, beside) is not NOTHING else None


def columns_at(tree: Tree, path: KeyPath) -> tuple[str, ...]:
    """Columns of the task that a place inside a stage or decision belongs to; none where that cannot be said."""
    section, *names = path[:2]
    seen: set[object] = set()
    while section == "decide" and names and names[0] not in seen:  # down to the stage that it reads
        seen.add(names[0])
        of = at(tree, ("decide", names[0], "of"))
        first = of[0] if isinstance(of, list | tuple) and of else of
        names = [first] if isinstance(first, str) else []
        section = "stages" if at(tree, ("stages", *names)) is not NOTHING else "decide"
    task = at(tree, ("stages", names[0], "task")) if section == "stages" and names else NOTHING
    if not isinstance(task, Mapping) or task.get(TASKS.tag) not in TASKS:
        return ()
    try:
        return (
            TASKS[task[TASKS.tag]].model_validate({key: each for key, each in task.items() if key != TASKS.tag}).columns
        )
    except ValidationError:
        return ()


def at(tree: object, path: KeyPath) -> object:
    """The value at ``path``, or ``NOTHING``."""
    for part in path:
        if not isinstance(tree, Mapping) or not isinstance(part, str) or part not in tree:
            return NOTHING
        tree = tree[part]
    return tree


def _copied(value: object) -> object:
    if isinstance(value, Mapping):
        return {str(key): _copied(each) for key, each in value.items()}
    return [_copied(each) for each in value] if isinstance(value, list) else value
