"""From a recipe's name or path to a checked recipe: base → profile → variant's changes → ablation → options.

A variant's own changes come after the profile, so that what a variant says holds for every encoder.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from tune_polar.assets import Folder, shipped, shipped_names
from tune_polar.errors import Fault, SpecError, spec_error
from tune_polar.spec.draft import Draft, Origin, unknown_changes
from tune_polar.spec.recipe import Recipe
from tune_polar.spec.rules import did_you_mean, faults_of
from tune_polar.spec.strict_yaml import YamlFile, read_yaml

PUBLISHED = "published"
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
    ablations: Mapping[str, Ablation] = {}


_Link = tuple[YamlFile, FileKeys]  # of a chain of files that extend one another


@dataclass(frozen=True)
class RecipeOptions:
    """What the command line adds to a recipe file."""

    encoder: str | None = None
    profile: str | None = None  # None: the first profile that lists the encoder
    changes: Mapping[str, object] | None = None  # --set
    folds: int | None = None


@dataclass(frozen=True)
class LoadedRecipe:
    """A checked recipe, the profile it took, and its ablations, each checked too."""

    recipe: Recipe
    profile: str
    ablations: Mapping[str, tuple[str, Recipe]]  # name → (title, recipe)
    base: str  # the subtask, which names the search space
    path: Path


def load_recipe(name: str, options: RecipeOptions | None = None) -> LoadedRecipe:
    """Load a shipped recipe by name, or a file by path.

    Raises:
        SpecError: no such recipe, or its file breaks rules (all are named at once).
    """
    options = options or RecipeOptions()
    chain = _chain(find(name, "trials"), seen=())
    profile = _choose_profile(chain, options)
    faults = _faults_of_other_profiles(chain, profile)
    published = _finish(_draft(chain, profile, options), options, faults)
    ablations = {}
    for file, extras in chain:
        for ablation_name, ablation in extras.ablations.items():
            draft = _draft(chain, profile, options)
            draft.change(ablation.changes, Origin(file, ("ablations", ablation_name, "changes")))
            changed = _finish(draft, options, faults)
            if changed is not None:
                ablations[ablation_name] = (ablation.title, changed)
    if faults or published is None:
        distinct = dict.fromkeys(faults)  # a fault of the recipe itself is one of each ablation too
        raise spec_error(
            sorted(distinct, key=lambda fault: (str(fault.path or ""), fault.line or 0)),
            "Mend the named keys; `tune-polar list st3` shows every key with its value.",
        )
    return LoadedRecipe(published, profile, ablations, published.task.subtask, chain[-1][0].path)


def find(name: str, folder: Folder) -> Path:
    """Path of a shipped file by its name, or ``name`` itself where it is a path.

    Raises:
        SpecError: neither.
    """
    if "/" in name or name.endswith((".yaml", ".yml")):
        return Path(name)
    names = shipped_names(folder)
    if name not in names:
        word = "recipe" if folder == "trials" else "search space"
        raise SpecError(
            f"{word} must be one of {names} or a path to a YAML file, got {name!r}{did_you_mean(name, names)}",
            "`tune-polar list` shows what is shipped.",
        )
    return shipped(folder) / f"{name}.yaml"


def _chain(path: Path, seen: tuple[Path, ...]) -> list[_Link]:
    """The file and those it extends, base first."""
    file = read_yaml(path)
    extras = _file_keys(file)
    if extras.extends is None:
        if "changes" in file.content:
            rule = "must be left out in a file that extends no other: write the values in their sections"
            raise spec_error([Origin(file, ("changes",)).fault(rule)], "Move them, or name a recipe under `extends`.")
        return [(file, extras)]
    if path.resolve() in seen:
        raise spec_error(
            [Origin(file, ("extends",)).fault("must not come back to a file that is extended by this one")],
            "Let one of the files extend nothing.",
        )
    allowed = {*FileKeys.model_fields, "recipe", "description"}
    rule = "must stand under `changes` in a file that extends another"
    if faults := [Origin(file, (key,)).fault(rule) for key in file.content if key not in allowed]:
        raise spec_error(faults, "Write each difference as `section.key: value` under `changes`.")
    return [*_chain(_parent(file, extras.extends), (*seen, path.resolve())), (file, extras)]


def _file_keys(file: YamlFile) -> FileKeys:
    try:
        return FileKeys.model_validate({k: value for k, value in file.content.items() if k in FileKeys.model_fields})
    except ValidationError as error:
        known = {2: ("title", "encoders", "changes")}  # by depth: profiles.NAME.KEY, ablations.NAME.KEY
        raise spec_error(
            faults_of(error, file, known_keys=lambda key: known.get(len(key), ())), "Mend the named keys."
        ) from None


def _parent(file: YamlFile, name: str) -> Path:
    """The file that ``file`` extends: a recipe beside it, a shipped one, or a path from where ``file`` lies."""
    if "/" in name or name.endswith((".yaml", ".yml")):
        path = file.path.parent / name
        if not path.is_file():
            rule = f"must be a recipe or a path from this file's folder, got {name!r}, which is no file"
            raise spec_error([Origin(file, ("extends",)).fault(rule)], "Check the path.")
        return path
    sibling = file.path.parent / f"{name}.yaml"
    names = shipped_names("trials")
    if sibling.is_file():
        return sibling
    if name not in names:
        rule = f"must be a recipe beside this file, one of {names} or a path, got {name!r}{did_you_mean(name, names)}"
        raise spec_error([Origin(file, ("extends",)).fault(rule)], "`tune-polar list` shows what is shipped.")
    return find(name, "trials")


def _choose_profile(chain: list[_Link], options: RecipeOptions) -> str:
    names = [name for _, extras in chain for name in extras.profiles]
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
    section = draft.values.get("encoder")
    encoder = section.get("name") if isinstance(section, dict) else None
    fitting = (name for _, extras in chain for name, each in extras.profiles.items() if encoder in each.encoders)
    return next(fitting, PUBLISHED)


def _faults_of_other_profiles(chain: list[_Link], chosen: str) -> list[Fault]:
    """Unknown keys in profiles that this encoder does not take."""
    return [
        fault
        for file, extras in chain
        for name, profile in extras.profiles.items()
        if name != chosen
        for fault in unknown_changes(profile.changes, Origin(file, ("profiles", name, "changes")))
    ]


def _draft(chain: list[_Link], profile: str, options: RecipeOptions) -> Draft:
    base, _ = chain[0]
    draft = Draft(base, [key for key in base.content if key not in FileKeys.model_fields])
    for file, extras in chain:
        if profile in extras.profiles:
            draft.change(extras.profiles[profile].changes, Origin(file, ("profiles", profile, "changes")))
    for file, extras in chain[1:]:
        for key in ("recipe", "description"):
            if key in file.content:
                draft.set((key,), file.content[key], Origin(file, (key,)))
        draft.change(extras.changes, Origin(file, ("changes",)))
    if options.encoder is not None:
        draft.set(("encoder", "name"), options.encoder, Origin(None, ("--encoder",)))
    if options.folds is not None:
        draft.set(("folds", "count"), options.folds, Origin(None, ("--folds",)))
    return draft


def _finish(draft: Draft, options: RecipeOptions, faults: list[Fault]) -> Recipe | None:
    draft.change(options.changes or {}, SET)
    recipe = draft.finish(also_known=FileKeys.model_fields)
    faults.extend(draft.faults)
    return recipe
