"""Every question of the page, in the order in which it is read.

A recipe brings its own: a vote, thresholds, a gate, a loss, groups, numbers have sections that arise only with them.
"""

from tune_polar.report.page_section import Section
from tune_polar.report.sections import (
    believe,
    configurations,
    confusion,
    cost,
    elsewhere,
    ensemble,
    examples,
    extra_rows,
    floors,
    groups,
    matters,
    meanings,
    numbers,
    pipeline,
    provenance,
    runs,
    sensitive,
    thresholds,
    training,
    unseen,
    use,
    vectors,
    votes,
    why,
)

_ORDER = (
    *(
        use,
        believe,
        floors,
        configurations,
        why,
        ensemble,
        matters,
        sensitive,
        meanings,
        votes,
        thresholds,
        pipeline,
        confusion,
        numbers,
        groups,
        unseen,
        extra_rows,
    ),
    *(elsewhere, runs, vectors, training, examples, cost, provenance),
)
SECTIONS: tuple[Section, ...] = tuple(each.SECTION for each in _ORDER)

__all__ = ["SECTIONS"]
