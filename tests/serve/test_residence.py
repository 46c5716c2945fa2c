"""Models that predict on a card that has no room for them."""

from __future__ import annotations

import dataclasses

import pytest
import torch
from torch import nn

from tests.stand_in.install import pretended_cards
from tests.stand_in.known_cards import LAPTOP
from tune_polar.errors import ModelError
from tune_polar.serve.residence import Residence

pytestmark = pytest.mark.skipif(torch.backends.cuda.is_built(), reason="the stand-in needs a torch built for the CPU")

CARD = torch.device("cuda", 0)
BUSY = dataclasses.replace(LAPTOP, used_gb=7.69)


class Stage:
    """82 MB of weights."""

    def __init__(self, _key: str) -> None:
        self.model = nn.Linear(1024, 20000)
        self.weight_bytes = 1024 * 20000 * 4
        self.device = torch.device("cpu")

    def to(self, device: torch.device) -> None:
        self.model.to(device)
        self.device = device


def residence(*, falls_back: bool) -> Residence:
    return Residence(Stage, ["a", "b"], CARD, falls_back=falls_back)  # type: ignore[arg-type]


def test_a_card_that_was_asked_for_and_is_full_is_named_with_what_helps() -> None:
    with pretended_cards(BUSY):
        models = residence(falls_back=False)
        assert "one after the other" in (models.prepare() or "")
        with pytest.raises(ModelError, match=r"memory of cuda:0.*free") as told:
            models.get("a")
    assert "--device cpu" in told.value.remedy


def test_the_cpu_computes_where_nobody_asked_for_the_card_that_is_full() -> None:
    with pretended_cards(BUSY):
        models = residence(falls_back=True)
        assert "the CPU computes in its place" in (models.prepare() or "")
        assert {models.get(key).device.type for key in "ab"} == {"cpu"}


@pytest.mark.parametrize("used_gb", [LAPTOP.used_gb, 7.45])  # room for both, and for one alone
def test_a_card_with_room_for_one_is_used_either_way(used_gb: float) -> None:
    with pretended_cards(dataclasses.replace(LAPTOP, used_gb=used_gb)):
        models = residence(falls_back=True)
        assert "CPU" not in (models.prepare() or "")
        assert models.get("a").device == CARD
        assert models.get("b").device == CARD
