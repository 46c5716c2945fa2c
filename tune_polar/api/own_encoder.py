"""Whether a recipe file of the user's own says which encoder it is for."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from tune_polar.assets import shipped
from tune_polar.recipe.find_files import is_path, neighbour
from tune_polar.recipe.keys import STAGES
from tune_polar.recipe.strict_yaml import Written, YamlFile, as_file, read_yaml

EXTENDS = "extends"


def names_encoder(name: Written) -> bool:
    """Whether the file ``name``, what is given in its place, or a file of the user's own that it extends names one.

    No shipped file counts.

    Raises:
        SpecError: a file cannot be read, or extends what is not there.
    """
    if not isinstance(name, str):
        return _names_encoder(as_file(name, "recipe"), ())
    return is_path(name) and _names_encoder(read_yaml(Path(name)), ())


def _names_encoder(file: YamlFile, seen: tuple[Path, ...]) -> bool:
    place = file.path.resolve()
    if place in seen or shipped("trials").resolve() in place.parents:
        return False
    if _says_encoder(file.content):
        return True
    base = file.content.get(EXTENDS)
    if not isinstance(base, str) or not base:
        return False
    return _names_encoder(read_yaml(neighbour(file, base, shipped("trials"), EXTENDS)), (*seen, place))


def _says_encoder(content: Mapping[str, object]) -> bool:
    sections = [content]
    stages = content.get(STAGES)
    if isinstance(stages, Mapping):
        sections += [stage for stage in stages.values() if isinstance(stage, Mapping)]
    for section in sections:
        encoder = section.get("encoder")
        if isinstance(encoder, str) or (isinstance(encoder, Mapping) and "name" in encoder):
            return True
    changes = content.get("changes")
    names = changes if isinstance(changes, Mapping) else {}
    return any(key == "encoder" or str(key).endswith(("encoder.name", ".encoder")) for key in names)
