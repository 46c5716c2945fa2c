"""Read by every Python that has this folder on its path: the stand-in is put in as soon as torch has been loaded."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Sequence
from importlib.machinery import ModuleSpec
from pathlib import Path
from types import ModuleType


def _torch_is_loaded(_: ModuleType) -> None:
    _processes().install_described()


def _visible_gpus_is_loaded(module: ModuleType) -> None:
    _processes().show_device_files(module)


def _processes() -> ModuleType:
    root = str(Path(__file__).resolve().parents[3])
    sys.path.insert(0, root)
    try:
        from tests.stand_in import processes
    finally:
        sys.path.remove(root)  # nothing else of the checkout is to be found by it
    return processes


_AFTER: dict[str, Callable[[ModuleType], None]] = {
    "torch": _torch_is_loaded,
    "tune_polar.trial.visible_gpus": _visible_gpus_is_loaded,
}


class _Finder:
    def find_spec(
        self, name: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if name not in _AFTER:
            return None
        others = (finder.find_spec(name, path, target) for finder in sys.meta_path if finder is not self)
        spec = next((found for found in others if found is not None), None)
        if spec is None or spec.loader is None:
            return spec
        load = spec.loader.exec_module

        def load_and_go_on(module: ModuleType) -> None:
            load(module)
            _AFTER[name](module)

        spec.loader.exec_module = load_and_go_on
        return spec


if "TUNE_POLAR_STAND_IN_CARDS" in os.environ:
    sys.meta_path.insert(0, _Finder())
