"""The sample of labels: see ``data.sample_corpus``."""

from __future__ import annotations

from tune_polar.data.sample_corpus import sample_corpus
from tune_polar.data.samples.registry import register
from tune_polar.data.table import Corpus


@register("polar")
def polar(seed: int) -> Corpus:
    """1,000 rows of train, 200 of dev, 400 of test, with twelve columns of 0 and 1."""
    return sample_corpus(seed)
