"""The embedded data sets that a recipe may be tried on. ``data.samples`` makes their rows, under the same names."""

from __future__ import annotations

POLAR = "polar"

SAMPLES: dict[str, str] = {
    POLAR: "One language; columns of 0 and 1, as POLAR has them",
    "intimacy": "Invented languages in two scripts; the number `intimacy` from 1 to 5 and the group `language`",
}
