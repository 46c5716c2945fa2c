"""A small recipe, a small space over it, and a search whose training is an invented score."""

from __future__ import annotations

import gc
from collections.abc import Callable, Iterator

import pytest
import torch
from simulated_search import RECIPE

from tune_polar.recipe.loaded_space import LoadedSpace
from tune_polar.recipe.recipe import Recipe
from tune_polar.recipe.space import Space

PARAMETERS: dict[str, object] = {
    "finder.losses": {"type": "categorical", "choices": ["soft_triple", "cross_entropy"]},
    "finder.losses.soft_triple.centers": {"type": "int", "low": 1, "high": 21, "step": 5},
    "finder.optimizer.lr": {"type": "float", "low": 1e-4, "high": 1e-1, "log": True},
    "decide.vote.k": {"type": "int", "low": 1, "high": 15, "step": 2},
    "decide.vote.tau": {"type": "float", "low": 0.2, "high": 0.8},
}


@pytest.fixture(autouse=True, scope="session")
def one_thread() -> Iterator[None]:
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture(autouse=True, scope="session")
def nothing_is_frozen() -> Iterator[None]:
    """What a worker freezes would be hidden from whoever looks in this process for what refers to what."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(gc, "freeze", lambda: None)
        yield


@pytest.fixture
def recipe() -> Recipe:
    return RECIPE


@pytest.fixture
def space(recipe: Recipe) -> Callable[..., LoadedSpace]:
    """A space over the small recipe: the parameters above, or others."""

    def loaded(parameters: dict[str, object] = PARAMETERS, over: Recipe = recipe) -> LoadedSpace:
        checked = Space.model_validate({"space": "small", "recipe": over.recipe, "parameters": parameters})
        return LoadedSpace(checked.space, checked.parameters, over)

    return loaded
