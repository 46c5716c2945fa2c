"""From a recipe's name or path to a checked recipe.

File by file, those that are extended first: what the file says, then its profile for this encoder. Then what the
command line says of columns and encoder, an ablation's changes, `--set`, and last the options that say one thing of the
folds, whatever their plan is by then.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from tune_polar.assets import shipped
from tune_polar.errors import Fault, SpecError, spec_error
from tune_polar.recipe.broken_rules import broken_rules
from tune_polar.recipe.chosen_on import keys_kept
from tune_polar.recipe.components.plans import COUNT, TOGETHER
from tune_polar.recipe.draft import Draft, Origin
from tune_polar.recipe.find_files import neighbour, read_named
from tune_polar.recipe.first_grammar import refuse_first_grammar
from tune_polar.recipe.keys import STAGES, Place, UnknownKeyError, place_of
from tune_polar.recipe.message_words import KeyPath, did_you_mean
from tune_polar.recipe.nodes import Node, root
from tune_polar.recipe.recipe import CHOSEN_ON, FILE_KEYS, Recipe
from tune_polar.recipe.registry import Component
from tune_polar.recipe.repeated_ablations import repeated
from tune_polar.recipe.sections import TINY
from tune_polar.recipe.strict_yaml import Written, YamlFile, parse_value, read_yaml
from tune_polar.recipe.template import Target, sections_for
from tune_polar.recipe.tree import NOTHING, Tree, at

PUBLISHED = "published"
FOLDS = "folds"
SET = Origin(None, ("--set",))


class Profile(BaseModel):
    """Values that depend on the encoder, chosen when the encoder's name is listed."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)
    encoders: Annotated[tuple[str, ...], Field(strict=False)] = ()
    changes: Mapping[str, object]


class Ablation(BaseModel):
    """A recipe with a few values changed."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)
    title: str
    changes: Mapping[str, object]


class FileKeys(BaseModel):
    """The keys of a recipe file that are not settings of the recipe itself."""

    model_config = ConfigDict(frozen=True, strict=True)
    extends: Annotated[str, Field(min_length=1)] | None = None
    changes: Mapping[str, object] = {}
    profiles: Mapping[str, Profile] = {}
    ablations: Mapping[str, Ablation | None] = {}  # null takes away one of the file that is extended
    published: bool = False  # whether what a shipped file says stands in a publication, or in its authors' code


@dataclass(frozen=True)
class RecipeOptions:
    """What the command line adds to a recipe file."""

    encoder: str | None = None
    profile: str | None = None  # None: the first profile that lists the encoder
    changes: Mapping[str, object] | None = None  # --set
    folds: int | None = None
    together: tuple[str, ...] = ()  # columns that folds keep together beside the recipe's own: --group
    targets: tuple[Target, ...] = ()  # columns to predict instead of the recipe's own


@dataclass(frozen=True)
class LoadedRecipe:
    """A checked recipe, the profile it took, and its ablations, each checked too."""

    recipe: Recipe
    profile: str
    ablations: Mapping[str, tuple[str, Recipe]]  # name → (title, recipe)
    path: Path
    names: tuple[str, ...]  # its own and of those it extends, nearest first: a space of one of them fits
    is_published: bool  # whether its own file says so


@dataclass(frozen=True)
class _Link:
    """One file of a chain of files that extend one another."""

    file: YamlFile
    extras: FileKeys

    @property
    def sections(self) -> dict[str, object]:
        """What it says of the recipe itself."""
        return {key: value for key, value in self.file.content.items() if key not in FILE_KEYS}


def load_recipe(name: Written, options: RecipeOptions | None = None, *, folder: Path | None = None) -> LoadedRecipe:
    """Load a shipped recipe by name, a file by path, or what a file would hold.

    Args:
        name: of a recipe in ``folder``, a path, or a mapping.
        options: what the command line says.
        folder: where recipes are found by name; None: those that are shipped.

    Raises:
        SpecError: no such recipe, or its file breaks rules (all are named at once).

    Example:
        >>> load_recipe("st3", RecipeOptions(encoder="tiny")).recipe.stages["detector"].optimizer.lr
        0.002
    """
    options, folder = options or RecipeOptions(), folder or shipped("trials")
    chain = _chain(read_named(name, folder, "recipe"), folder, seen=())
    profile = _choose_profile(chain, options)
    faults = list(_faults_of_other_profiles(chain, profile))
    recipe, ablations = _filled(chain, profile, options, faults)
    if recipe is not None and not faults:
        faults += _faults_of_repeats(chain, options, recipe, ablations)
    if faults or recipe is None:
        distinct = dict.fromkeys(faults)  # a fault of the recipe itself is one of each ablation too
        raise spec_error(
            sorted(distinct, key=lambda fault: (str(fault.path or ""), fault.line or 0)),
            "Mend the named keys; `tune-polar list RECIPE` shows every key with its value.",
        )
    called = (link.file.content.get("recipe", link.file.path.stem) for link in reversed(chain))
    names = tuple(dict.fromkeys(map(str, called)))
    own = chain[-1]
    return LoadedRecipe(recipe, profile, ablations, own.file.path, names, own.extras.published)


def _filled(
    chain: list[_Link], profile: str, options: RecipeOptions, faults: list[Fault]
) -> tuple[Recipe | None, dict[str, tuple[str, Recipe]]]:
    """The recipe and its ablations, with their titles; what is wrong with them goes to ``faults``."""
    whole = _draft(chain, profile, options)
    recipe = _finish(whole, options, faults)
    ablations = {}
    for link, ablation_name, ablation in _ablations(chain):
        draft = _draft(chain, profile, options)
        draft.change(ablation.changes, Origin(link.file, ("ablations", ablation_name, "changes")))
        left = _with_what_is_left(options, ablation, whole.values, draft.values)
        if {FOLDS, f"{FOLDS}.plan", f"{FOLDS}.{COUNT}"} & ablation.changes.keys():  # it has a number of its own
            left = replace(left, folds=None)
        changed = _finish(draft, left, faults, ablation_name)
        if changed is not None:
            ablations[ablation_name] = (ablation.title, changed)
    return recipe, ablations


def _faults_of_repeats(
    chain: list[_Link], options: RecipeOptions, recipe: Recipe, ablations: Mapping[str, tuple[str, Recipe]]
) -> list[Fault]:
    """Of ablations that the file itself writes; one that an option, or this file, made a repeat is left out in time."""
    own, plain, ignored = chain[-1], RecipeOptions(), list[Fault]()
    if not own.extras.ablations or not _repeats(recipe, ablations):
        return []
    as_written, written = recipe, ablations
    if options != plain:
        found, written = _filled(chain, _choose_profile(chain, plain), plain, ignored)
        if found is None or ignored:  # only the options make it a recipe
            return []
        as_written = found
    return [
        Origin(own.file, ("ablations", name)).fault(f"must say something of its own, but says what {other} says")
        for name, other in _repeats(as_written, written).items()
        if name in own.extras.ablations
    ]


def _repeats(recipe: Recipe, ablations: Mapping[str, tuple[str, Recipe]]) -> dict[str, str]:
    return repeated(recipe, ((name, changed) for name, (_, changed) in ablations.items()))


def parse_assignment(text: str) -> tuple[str, object]:
    """``detector.optimizer.lr=2e-5`` → key and typed value, read as YAML would.

    Raises:
        SpecError: there is no ``=`` or the value is no plain YAML value.
    """
    key, equals, value = text.partition("=")
    if not equals or not key.strip():
        raise SpecError(f"--set must look like KEY=VALUE, got {text!r}", "For example --set model.optimizer.lr=2e-5.")
    return key.strip(), parse_value(value, f"--set {key.strip()}")


def _chain(file: YamlFile, folder: Path, seen: tuple[Path, ...]) -> list[_Link]:
    """The file and those it extends, base first."""
    refuse_first_grammar(file)
    extras = _file_keys(file)
    if extras.extends is None:
        if "changes" in file.content:
            rule = "must be left out in a file that extends no other: write the values in their sections"
            raise spec_error([Origin(file, ("changes",)).fault(rule)], "Move them, or name a recipe under `extends`.")
        return [_Link(file, extras)]
    base = neighbour(file, extras.extends, folder, "extends")
    here = file.path.resolve()
    if base.resolve() in (*seen, here):
        raise spec_error(
            [Origin(file, ("extends",)).fault("must not come back to a file that is extended by this one")],
            "Let one of the files extend nothing.",
        )
    return [*_chain(read_yaml(base), folder, (*seen, here)), _Link(file, extras)]


def _file_keys(file: YamlFile) -> FileKeys:
    def suggest(section: KeyPath, word: str) -> str:
        return did_you_mean(word, {2: ("title", "encoders", "changes")}.get(len(section), ()))

    try:
        return FileKeys.model_validate({k: value for k, value in file.content.items() if k in FILE_KEYS})
    except ValidationError as error:
        faults = [Origin(file, broken.key).fault(broken.rule) for broken in broken_rules(error, suggest)]
        raise spec_error(faults, "Mend the named keys.") from None


def _ablations(chain: list[_Link]) -> Iterator[tuple[_Link, str, Ablation]]:
    """Those that hold: of one name the last, in the order in which the files list them."""
    found: dict[str, tuple[_Link, Ablation]] = {}
    for link in chain:
        for name, ablation in link.extras.ablations.items():
            found.pop(name, None)
            if ablation is not None:
                found[name] = (link, ablation)
    yield from ((link, name, ablation) for name, (link, ablation) in found.items())


def _choose_profile(chain: list[_Link], options: RecipeOptions) -> str:
    names = [name for link in chain for name in link.extras.profiles]
    if options.profile is not None:
        known = list(dict.fromkeys([PUBLISHED, *names]))
        if options.profile not in known:
            raise SpecError(
                f"--profile must be one of {known}, got {options.profile!r}{did_you_mean(options.profile, known)}",
                "Leave it out to take the profile that fits the encoder.",
            )
        return options.profile
    # The encoder that will be used is known once everything but the profile is applied.
    draft = _draft(chain, PUBLISHED, options)
    draft.change(options.changes or {}, SET)
    named = at(draft.values, ("encoder", "name"))
    encoder = named if isinstance(named, str) else TINY
    fitting = (name for link in chain for name, each in link.extras.profiles.items() if encoder in each.encoders)
    return next(fitting, PUBLISHED)


def _faults_of_other_profiles(chain: list[_Link], chosen: str) -> Iterator[Fault]:
    """Faults of the recipe with each profile that this encoder does not take."""
    encoders: dict[str, str | None] = {}
    for link in chain:
        for name, profile in link.extras.profiles.items():
            encoders[name] = encoders.get(name) or next(iter(profile.encoders), None)
    for name, encoder in encoders.items():
        if name != chosen:
            draft = _draft(chain, name, RecipeOptions(encoder=encoder))
            draft.finish()
            places = {(link.file.path, f"profiles.{name}.") for link in chain}
            yield from (f for f in draft.faults if any(f.path == p and f"{f.key}.".startswith(k) for p, k in places))


def _draft(chain: list[_Link], profile: str, options: RecipeOptions) -> Draft:
    draft = Draft()
    for link in chain:
        draft.read(link.sections, Origin(link.file, ()))
        draft.change(link.extras.changes, Origin(link.file, ("changes",)))
        draft.remember_choices(link.sections.get(CHOSEN_ON))
        if profile in link.extras.profiles:
            changes = link.extras.profiles[profile].changes
            draft.change(changes, Origin(link.file, ("profiles", profile, "changes")))
    if options.targets:
        draft.read(sections_for(options.targets, draft.values), Origin(None, ("--target",)))
    if options.encoder is not None:
        _use_encoder(draft, options.encoder)
    return draft


def _use_encoder(draft: Draft, name: str) -> None:
    """One encoder for the recipe and every stage."""
    stages = at(draft.values, (STAGES,))
    own = [(STAGES, stage, "encoder") for stage in (stages if isinstance(stages, Mapping) else ())]
    for path in [*(each for each in own if isinstance(at(draft.values, (*each, "name")), str)), ("encoder",)]:
        draft.forget_revision((*path, "name"), name, Origin(None, ("--encoder",)))
        draft.lay((*path, "name"), name, Origin(None, ("--encoder",)))


def _with_what_is_left(options: RecipeOptions, ablation: Ablation, before: Tree, after: Tree) -> RecipeOptions:
    """Without `--set` of what the ablation takes away, and of keys below: there is nothing that they could set.

    ``before`` and ``after`` are the values of the recipe and of the ablation: what stands for a component that is there
    no longer takes its settings away too.
    """
    changed = [place for key in ablation.changes if (place := _place(key, before)) is not None]

    def is_gone(key: str) -> bool:
        place = _place(key, before)
        return place is not None and any(_is_taken_away(place.path, each, before, after) for each in changed)

    changes = {key: value for key, value in (options.changes or {}).items() if not is_gone(key)}
    for key in [each for each in changes if each.partition(".")[0] == CHOSEN_ON]:
        name = key.partition(".")[2]
        said = keys_kept({name: changes[key]} if name else changes[key], lambda _, each: not is_gone(each))
        if name and isinstance(said, Mapping) and name not in said:
            del changes[key]
        else:
            changes[key] = said[name] if name and isinstance(said, Mapping) else said
    return replace(options, changes=changes)


def _place(key: str, values: Tree) -> Place | None:
    try:
        return place_of(key, values)
    except UnknownKeyError:
        return None


def _is_taken_away(path: KeyPath, changed: Place, before: Tree, after: Tree) -> bool:
    """Whether nothing stands at ``path`` any more since another value stands at ``changed``."""
    length, node, now = len(changed.path), changed.node, at(after, changed.path)
    if path[:length] != changed.path:
        return False
    if now is None or now is NOTHING or len(path) == length:
        return now is None or now is NOTHING
    if node.several is not None:
        return not isinstance(now, Mapping) or path[length] not in now
    return node.component(at(before, changed.path)) is not node.component(now)


def _finish(draft: Draft, options: RecipeOptions, faults: list[Fault], ablation: str | None = None) -> Recipe | None:
    draft.change(options.changes or {}, SET)
    plan = (root().below(FOLDS) or Node()).component(at(draft.values, (FOLDS,)))
    if options.folds is not None and plan is not None:  # None: that is the fault
        _count_folds(draft, options.folds, plan)
    if options.together and plan is not None:
        _keep_together(draft, options.together, plan, ablation)
    recipe = draft.finish()
    faults.extend(draft.faults)
    return recipe


def _count_folds(draft: Draft, number: int, plan: type[Component]) -> None:
    """Lay how many folds there are.

    Raises:
        SpecError: the folds are of a plan that counts none.
    """
    if COUNT not in plan.model_fields:
        raise SpecError(
            f"--folds must go with folds that are counted (stratified, paper), got {FOLDS}.plan: {plan.name}",
            f"Leave --folds out, or give --set {FOLDS}.plan=stratified.",
        )
    draft.lay((FOLDS, COUNT), number, Origin(None, ("--folds",)))


def _keep_together(draft: Draft, columns: tuple[str, ...], plan: type[Component], ablation: str | None) -> None:
    """Lay ``columns`` beside those that the folds keep together already.

    Raises:
        SpecError: the folds are of a plan that is not told such columns.
    """
    if TOGETHER not in plan.model_fields:
        where = "" if ablation is None else f" in the ablation {ablation}"
        raise SpecError(
            f"--group must go with folds that the search makes (stratified, holdout), got {FOLDS}.plan: {plan.name}"
            f"{where}",
            f"Leave --group out, or give --set {FOLDS}.plan=stratified.",
        )
    said = at(draft.values, (FOLDS, TOGETHER))
    known = () if said is NOTHING else said
    if isinstance(known, list | tuple):  # else that is the fault
        draft.lay((FOLDS, TOGETHER), list(dict.fromkeys((*known, *columns))), Origin(None, ("--group",)))
