"""The search: what runs next, on Ray, told to Optuna."""

from tune_polar.search.ray.ray_environment import set_environment

set_environment()  # before any module of this package imports Ray
