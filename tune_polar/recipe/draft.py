"""Settings under construction: nested values, and for each the line of the file or option that set it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from pydantic import ValidationError

from tune_polar.errors import Fault
from tune_polar.recipe.broken_rules import NOT_GIVEN, BrokenRule, broken_rules
from tune_polar.recipe.chosen_on import keys_kept, keys_of
from tune_polar.recipe.defaults import with_defaults
from tune_polar.recipe.keys import STAGES, UnknownKeyError, known_keys, place_of, suggestion
from tune_polar.recipe.message_words import KeyPath, did_you_mean, dotted
from tune_polar.recipe.nodes import Node, root
from tune_polar.recipe.recipe import CHOSEN_ON, Recipe
from tune_polar.recipe.strict_yaml import YamlFile
from tune_polar.recipe.tree import NOTHING, Tree, at, chooses, put, revision_beside

LIKE = "like"  # of a stage: begin as a copy of another
TASK, METRIC = "task", ("score", "metric")


@dataclass(frozen=True)
class Origin:
    """Who set a value: a key of a file, or an option of the command line and what it names."""

    file: YamlFile | None
    at: KeyPath

    def below(self, *parts: str | int) -> Origin:
        """The place of a value inside this one."""
        return Origin(self.file, (*self.at, *parts))

    def fault(self, rule: str) -> Fault:
        """``rule`` is broken here."""
        if self.file is None:
            return Fault(rule, key=f"{self.at[0]} {dotted(self.at[1:])}".rstrip())
        return Fault(rule, self.file.path, self.file.line_of(self.at), dotted(self.at))


class Draft:
    """Values of a recipe before they are checked. Faults are collected, so that all are reported at once."""

    def __init__(self) -> None:
        self.values: Tree = {}
        self.faults: list[Fault] = []
        self._origins: dict[KeyPath, Origin] = {}
        self._chosen: dict[tuple[str, str], tuple[KeyPath, object]] = {}  # by set and key: its place, the value there
        self._file: YamlFile | None = None  # the last that was read

    def read(self, sections: Mapping[str, object], origin: Origin) -> None:
        """Lay the sections of a file over what is there."""
        self._file = origin.file or self._file
        for key, value in sections.items():
            if key == STAGES and isinstance(value, Mapping) and value:
                self._read_stages(value, origin.below(STAGES))
            else:
                self.lay((key,), value, origin.below(key))

    def lay(self, path: KeyPath, value: object, origin: Origin) -> None:
        """Lay ``value`` over what stands at ``path``, unless a section above it is none: that is the fault."""
        if self._has_sections_above(path):
            put(self.values, path, value, root())
            self._note(path, value, origin)

    def change(self, changes: Mapping[str, object], origin: Origin) -> None:
        """Apply changes by dotted key that stand at ``origin``, each to a key that exists, in whatever order."""
        for key in sorted(changes, key=lambda each: self._turn(each, changes[each])):
            value = changes[key]
            if value is not None and key == STAGES and isinstance(value, Mapping):
                self._read_stages(value, origin.below(key))
                continue
            try:
                path = place_of(key, self.values).path
            except UnknownKeyError as error:
                if self.values.get(STAGES) and isinstance(self.values[STAGES], Mapping):  # else that is the fault
                    self.faults.append(origin.below(key).fault(error.problem))
            else:
                if f"{key.rpartition('.')[0]}.revision" not in changes:
                    self.forget_revision(path, value, origin.below(key))
                self.lay(path, value, origin.below(key))
        for key, value in changes.items():
            section, _, name = key.partition(".")
            if section == CHOSEN_ON:
                self.remember_choices({name: value} if name else value)

    def _turn(self, key: str, value: object) -> tuple[bool, int, bool]:
        """When ``key`` is laid: after what holds it and what chooses its component, or brings it in the first place."""
        try:
            path = place_of(key, self.values).path
        except UnknownKeyError:
            return True, 0, False
        return False, len(path), not chooses(path, value)

    def forget_revision(self, path: KeyPath, value: object, origin: Origin) -> None:
        """Where ``value`` at ``path`` names another encoder: the commit beside it is one of the encoder before."""
        beside = revision_beside(self.values, path)
        if beside is not None and at(self.values, path) != value:
            self.lay(beside, None, origin)

    def remember_choices(self, said: object) -> None:
        """Hold the values of the keys that `chosen_on` lists, as they stand once all beside it has been laid."""
        for name, key in keys_of(said):
            self._remember(name, key, self._origin((CHOSEN_ON, name)))

    def _remember(self, name: str, key: str, origin: Origin) -> None:
        try:
            path = place_of(key, self.values).path
        except UnknownKeyError:
            hint = did_you_mean(key, [place.key for place in known_keys(self.values)])
            self.faults.append(origin.fault(f"must list keys of this recipe, got {key!r}{hint}"))
            return
        value = at(self.values, path)
        if value is NOTHING:
            rule = f"must list keys whose values the recipe writes, got {key!r}, which it leaves as they are"
            self.faults.append(origin.fault(rule))
        self._chosen[name, key] = path, value

    def _is_as_chosen(self, name: str, key: str) -> bool:
        path, value = self._chosen.get((name, key), ((), NOTHING))
        return value is not NOTHING and at(self.values, path) == value

    def _forget_choices(self) -> None:
        """Of keys that have another value by now."""
        said = self.values.get(CHOSEN_ON)
        if said is not None:
            self.values = {**self.values, CHOSEN_ON: keys_kept(said, self._is_as_chosen)}

    def finish(self) -> Recipe | None:
        """The checked recipe, or None where ``faults`` now says what is wrong, each with file, line and key."""
        self._forget_choices()
        try:
            recipe = Recipe.model_validate(with_defaults(self.values))
        except ValidationError as error:
            for broken in _without_what_follows(broken_rules(error, self._suggest)):
                self.refuse(broken.key, self._what_is_scored(broken) or broken.rule)
            return None
        return None if self.faults else recipe

    def refuse(self, key: KeyPath, rule: str) -> None:
        """``rule`` is broken at a key of the model."""
        fault = self._origin(key).fault(rule)
        if fault not in self.faults:
            self.faults.append(fault)

    def _read_stages(self, stages: Mapping[str, object], origin: Origin) -> None:
        plain = {name: stage for name, stage in stages.items() if not (isinstance(stage, Mapping) and LIKE in stage)}
        for name, stage in plain.items():
            self.lay((STAGES, name), stage, origin.below(name))
        waiting = {name: stage for name, stage in stages.items() if name not in plain and isinstance(stage, Mapping)}
        while waiting:
            ready = [name for name, stage in waiting.items() if stage[LIKE] not in waiting]
            for name in ready or list(waiting):
                self._copy_stage(name, dict(waiting.pop(name)), origin.below(name))

    def _copy_stage(self, name: str, stage: dict[str, object], origin: Origin) -> None:
        model = stage.pop(LIKE)
        known = at(self.values, (STAGES,))
        others = [other for other in known if other != name] if isinstance(known, Mapping) else []
        if model not in others:
            hint = did_you_mean(str(model), others)
            self.faults.append(origin.below(LIKE).fault(f"must be another stage, one of {others}, got {model!r}{hint}"))
            return
        copied = at(self.values, (STAGES, str(model)))
        put(self.values, (STAGES, name), None, root())
        self.values[STAGES] = {**self.values[STAGES], name: copied}
        self._origins[(STAGES, name)] = origin
        for path, before in list(self._origins.items()):
            if path[:2] == (STAGES, model) and len(path) > 2:
                self._origins[(STAGES, name, *path[2:])] = before
        self.lay((STAGES, name), stage, origin)

    def _note(self, path: KeyPath, value: object, origin: Origin) -> None:
        """Remember where each value came from: of sections that stood there before, only what is inside."""
        if not isinstance(value, Mapping) or path not in self._origins:
            self._origins[path] = origin
        if isinstance(value, Mapping):
            for key, each in value.items():
                self._note((*path, str(key)), each, origin.below(key))
        elif isinstance(held := at(self.values, path), Mapping):  # a word that stands for a section
            self._origins.update({(*path, key): origin for key, each in held.items() if value in (key, each)})

    def _has_sections_above(self, path: KeyPath) -> bool:
        node, value = root(), self.values
        for part in map(str, path[:-1]):
            node, inner = node.below(part, value) or Node(), value.get(part)
            if not isinstance(inner, Mapping):
                return inner is None or node.each is not None or (isinstance(inner, str) and node.word is not None)
            value = dict(inner)
        return True

    def _origin(self, key: KeyPath) -> Origin:
        if key[:1] == (STAGES,) and key[2:3] == ("encoder",) and key[:3] not in self._origins:
            key = key[2:]  # the recipe's own, which every stage has
        for length in range(len(key), 0, -1):
            if key[:length] in self._origins:
                return self._origins[key[:length]].below(*key[length:])
        return Origin(self._file, key)

    def _what_is_scored(self, broken: BrokenRule) -> str | None:
        """The rule of a score that is left out where several things may be meant."""
        if broken.key not in (("score",), ("score", "of")) or not broken.rule.endswith("got nothing"):
            return None
        named = (at(self.values, (key,)) for key in ("decide", STAGES))
        known = list(dict.fromkeys(name for each in named if isinstance(each, Mapping) for name in each))
        return f"must say which is scored, one of {known}, got nothing"

    def _suggest(self, section: KeyPath, word: str) -> str:
        return suggestion(self.values, section, word)


def _without_what_follows(broken: Sequence[BrokenRule]) -> list[BrokenRule]:
    """Without keys that nobody gave because they follow from a task, where the task itself is wrong."""
    of_task = {rule.key[:2] for rule in broken if rule.key[:1] == (STAGES,) and rule.key[2:3] == (TASK,)}
    return [
        rule
        for rule in broken
        if rule.rule != NOT_GIVEN
        or rule.key[2:3] == (TASK,)
        or not (rule.key[:2] in of_task or (of_task and rule.key == METRIC))
    ]
