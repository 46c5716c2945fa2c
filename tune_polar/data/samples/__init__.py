"""The embedded data sets, a module each; importing this package registers them. What a recipe's ``sample`` names."""

from tune_polar.data.samples import implied as implied
from tune_polar.data.samples import intimacy as intimacy
from tune_polar.data.samples import polar as polar
from tune_polar.data.samples import tongues as tongues
from tune_polar.data.samples.registry import SAMPLES, make_sample

__all__ = ["SAMPLES", "make_sample"]
