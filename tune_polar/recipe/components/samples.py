"""The embedded data sets that a recipe may be tried on. ``data.samples`` makes their rows, under the same names."""

from __future__ import annotations

POLAR = "polar"

SAMPLES: dict[str, str] = {
    POLAR: "One language; columns of 0 and 1, as POLAR has them",
    "harbour": "Posts of 0 and 1 in `hate`, some with an `implied_statement`; an evaluation set of another topic",
    "orchard": "The same, the two topics exchanged",
    "intimacy": "Invented languages in two scripts; the number `intimacy` from 1 to 5 and the group `language`",
    "tongues": "Three invented languages, `language`, and a column of 0 and 1; extra rows, made by `strategy`",
}
