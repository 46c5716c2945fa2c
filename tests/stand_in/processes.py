"""The stand-in in whole processes: an environment in which every Python that loads torch finds the pretended cards."""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from types import ModuleType
from typing import Any

from tests.stand_in.cards import Card

VARIABLE = "TUNE_POLAR_STAND_IN_CARDS"
SITE = Path(__file__).with_name("site")


def environment(
    *cards: Card,
    too_old: int | None = None,
    hip: str | None = None,
    failures: Sequence[Mapping[str, Any]] = (),
    base: Mapping[str, str] = os.environ,
) -> dict[str, str]:
    """``base`` with what a process needs to find ``cards``, handed on to the processes that it starts.

    ``failures``: arguments of ``Driver.fail`` that can be written as JSON, planned anew in every process; ``once`` is
    then the path of a file that all of them share.
    """
    described = {"cards": [asdict(card) for card in cards], "too_old": too_old, "hip": hip, "failures": list(failures)}
    path = os.pathsep.join(filter(None, (str(SITE), base.get("PYTHONPATH"))))
    return {**base, VARIABLE: json.dumps(described, default=str), "PYTHONPATH": path}


def install_described() -> None:
    """Put what the environment describes into this process, which has just loaded torch."""
    from tests.stand_in.driver import Driver
    from tests.stand_in.install import install

    described = json.loads(os.environ[VARIABLE])
    cards = [Card(**card | {"capability": tuple(card["capability"])}) for card in described["cards"]]
    driver = Driver(cards, described["too_old"], described["hip"])
    for failure in described["failures"]:
        driver.fail(**failure)
    install(driver, contextlib.ExitStack())


def show_device_files(visible_gpus: ModuleType) -> None:
    """Have the product's look for a driver's device files find one, of the described cards' maker."""
    is_amd = json.loads(os.environ[VARIABLE])["hip"] is not None
    files = {"_NVIDIA_DRIVERS": () if is_amd else (os.devnull,), "_AMD_DRIVER": os.devnull if is_amd else "/absent"}
    if not files.keys() <= vars(visible_gpus).keys():
        raise AttributeError(f"{visible_gpus.__name__} must look for {sorted(files)}; say here what it looks for now")
    vars(visible_gpus).update(files)
