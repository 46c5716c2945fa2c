"""A tryout in a process of its own, as a worker is one: its memory and its device are given back when it ends."""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from tune_polar.data.plans.fold_plan import FoldPlan
from tune_polar.data.table import Corpus
from tune_polar.errors import TunePolarError
from tune_polar.recipe.cells import Cell
from tune_polar.recipe.recipe import Recipe
from tune_polar.recipe.sections import Encoder
from tune_polar.trial.fold_trial import FoldTrial
from tune_polar.trial.stage_inputs import inputs_of
from tune_polar.trial.tryout_result import DeviceTried, StageFailed, StageTried
from tune_polar.trial.visible_gpus import visible_variable

Told = DeviceTried | StageTried | StageFailed


@dataclass(frozen=True, eq=False)
class Tryout:
    """What is tried, and on what."""

    recipe: Recipe
    corpus: Corpus
    plans: Mapping[str, FoldPlan]  # by stage
    scratch: Path  # an existing folder in which a store and encoders that are not here are made and removed
    gpu: str | None  # as CUDA_VISIBLE_DEVICES names it; None: the CPU
    slot_gb: float
    threads: int
    # Of encoders that are not here, by name: random weights of their sizes are used.
    configs: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)


def try_out(tryout: Tryout) -> Iterator[Told]:
    """Device and stages, each as soon as it was tried; ends with the first that fails."""
    try:
        folder = tempfile.TemporaryDirectory(prefix="tune-polar-try-", dir=tryout.scratch)
    except OSError as error:
        yield StageFailed(
            None,
            f"{tryout.scratch} must be a folder that can be written, but: {error.strerror}",
            "Give another folder with --store.",
        )
        return
    context = multiprocessing.get_context("spawn")
    receiving, sending = context.Pipe(duplex=False)
    with folder as scratch, _visible(tryout.gpu):
        process = context.Process(target=_run, args=(replace(tryout, scratch=Path(scratch)), sending), daemon=True)
        process.start()
        sending.close()
        try:
            yield from _received(receiving)
            process.join()
            if process.exitcode:
                yield _died(process.exitcode)
        finally:
            process.kill()
            process.join()


def _received(receiving: Connection) -> Iterator[Told]:
    while True:
        try:
            told: Told = receiving.recv()
        except EOFError:  # the process has ended
            return
        yield told


def _died(code: int) -> StageFailed:
    if code < 0:
        return StageFailed(
            None,
            f"the process was ended by signal {-code}",
            "Signal 9 is most often a machine whose memory ran out: use fewer slots, or a smaller batch or encoder.",
        )
    return StageFailed(None, f"the process ended with code {code}", "Its last lines above say more.")


@contextlib.contextmanager
def _visible(gpu: str | None) -> Iterator[None]:
    """A process started inside sees this GPU alone."""
    variable = visible_variable()
    before = os.environ.get(variable)
    if gpu is not None:
        os.environ[variable] = gpu
    try:
        yield
    finally:
        os.environ.pop(variable, None)
        if before is not None:
            os.environ[variable] = before


def _run(tryout: Tryout, sending: Connection) -> None:
    """In the new process."""
    try:
        for told in _tried(tryout):
            sending.send(told)
    except TunePolarError as error:  # the device, the encoder, the store
        sending.send(StageFailed(None, error.problem, error.remedy))
    finally:
        sending.close()


def _tried(tryout: Tryout) -> Iterator[Told]:
    # As in a search's workers: a thread that spins while it waits takes its core from other programs. Read by torch.
    os.environ.setdefault("OMP_WAIT_POLICY", "passive")
    # Imported here: the process that asks for it needs none of torch's seconds of loading.
    import torch

    from tune_polar.store.store import open_store
    from tune_polar.trial.device import hold_device
    from tune_polar.trial.slot_memory import SlotMemory
    from tune_polar.trial.tryout import device_tried, try_stages
    from tune_polar.trial.worker_context import TrialContext

    torch.set_num_threads(tryout.threads)
    recipe = _with_random_encoders(tryout)
    held = hold_device(tryout.gpu is not None, tryout.slot_gb)
    yield device_tried(held, tryout.threads)
    store = open_store(tryout.scratch / "store")
    inputs = inputs_of(recipe, tryout.corpus, tryout.plans, identity=lambda encoder: encoder.name)
    memory = SlotMemory(held.budget_bytes)
    context = TrialContext(tryout.corpus, tryout.plans, store, held.device, memory=memory)
    yield from try_stages(FoldTrial(recipe, Cell(0, recipe.seeds[0]), inputs), context)


def _with_random_encoders(tryout: Tryout) -> Recipe:
    """The recipe, with a folder of random weights in the place of each encoder that is not here."""
    from tune_polar.model.random_encoder import write_random_encoder

    folders: dict[str, str] = {}
    for number, (name, config) in enumerate(tryout.configs.items()):
        folder = tryout.scratch / f"encoder-{number}"
        folder.mkdir()
        write_random_encoder(folder, config, tryout.corpus.train.texts)
        folders[name] = str(folder)

    def here(encoder: Encoder) -> Encoder:
        if encoder.name not in folders:
            return encoder
        return encoder.model_copy(update={"name": folders[encoder.name], "revision": None})

    recipe = tryout.recipe
    stages = {name: stage.model_copy(update={"encoder": here(stage.encoder)}) for name, stage in recipe.stages.items()}
    return recipe.model_copy(update={"stages": stages})
