"""Groups of new texts that decisions have no settings of their own for."""

from __future__ import annotations

from collections.abc import Callable

from tune_polar.data.new_texts import NewTexts
from tune_polar.decide.groups import GroupSettings
from tune_polar.serve.composition import Composition

_NAMED = 5  # in a sentence


class UnknownGroups:
    """Tells of them, once a column."""

    def __init__(self, composition: Composition, say: Callable[[str], None]) -> None:
        """Nothing was looked at yet.

        Args:
            composition: the model that decides.
            say: told of them.
        """
        self._known = {name: _known(composition, name) for name in composition.groups}  # of columns not told of
        self._say = say

    def look_at(self, part: NewTexts) -> None:
        """Some rows."""
        for name in tuple(self._known):
            new = set(part.groups.get(name, ())) - self._known[name]
            if new:
                if new == {""}:
                    self._known[name].add("")
                    self._say(f"texts without {name} are decided by the settings chosen on all rows together.")
                    continue
                del self._known[name]
                shown = ", ".join(map(repr, sorted(new)[:_NAMED])) + (" …" if len(new) > _NAMED else "")
                self._say(
                    f"{name} {shown}: no settings were chosen for it; decided by those chosen on all rows together."
                )


def _known(composition: Composition, column: str) -> set[str]:
    graph, chosen = composition.graph, composition.chosen
    found: set[str] = set()
    for node in graph.scored.below:
        setting = chosen.get(node.name)
        if node.per == column and isinstance(setting, GroupSettings):
            found |= set(map(str, setting.own))
    return found
