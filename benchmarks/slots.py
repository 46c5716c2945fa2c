"""Memory and speed of slots: counted against measured peak, the published stages under a cap, capped neighbours.

    python benchmarks/slots.py                          # on a machine with a GPU: all of it, at ERNIE-xbase size
    python benchmarks/slots.py --only peaks             # or: cap, neighbours
    python benchmarks/slots.py --simulate               # anywhere: tiny sizes on the CPU, to see that it runs

Weights are random, so nothing is downloaded; of tune-polar it needs the model and trial floors, with torch and
transformers, and neither ray nor optuna.

``peaks`` trains detector and classifier stages at batch 8, 24 and 48, with and without FGM, in micro-batches and with
gradient checkpointing, each in a process of its own, and prints counted over measured peak. Ends with exit code 1 where
a count is more than 10% off or more than 3% under. ``cap`` trains both published stages in a process held to one slot.
``neighbours`` trains in 1, 2, 4 and 8 capped processes side by side, as far as they fit, and prints folds an hour (a
fold: 3,000 steps of each stage without its evaluations) and the ratio to one process alone.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy, normalize
from transformers import ErnieConfig, ErnieModel

from tune_polar.model.encoder import TextEncoder
from tune_polar.model.encoder_shape import PUBLISHED_CONFIGS, shape_of_config
from tune_polar.model.fgm import FastGradientMethod
from tune_polar.model.footprint import GB, StageLoad, stage_footprint
from tune_polar.model.heads import ClassificationHead, ProjectionHead
from tune_polar.model.optimizer import parameter_groups
from tune_polar.trial.gpus import DEFAULT_SLOT_GB, slot_budget_bytes, slots_of_gpu
from tune_polar.trial.micro_batches import backward
from tune_polar.trial.precision import Precision

XBASE = dict(PUBLISHED_CONFIGS["nghuyong/ernie-3.0-xbase-zh"])
SMALL = XBASE | {"num_hidden_layers": 2, "hidden_size": 64, "num_attention_heads": 4, "intermediate_size": 256}
SMALL |= {"vocab_size": 500, "max_position_embeddings": 128}
STEPS_A_STAGE = 3000
BATCH = {"detector": 24, "classifier": 8}  # as published
LEAST, MOST = 0.97, 1.10  # counted over measured


@dataclass(frozen=True)
class Case:
    """One stage as it is trained in a process of its own."""

    stage: str
    batch: int
    fgm: bool = True
    micro_rows: int | None = None
    recompute: bool = False
    steps: int = 4
    tokens: int = 96
    slot_gb: float | None = None  # caps the process
    simulate: bool = False

    def __str__(self) -> str:
        parts = [f"batch {self.batch}", "FGM" if self.fgm else "no FGM"]
        parts += [f"parts of {self.micro_rows}"] if self.micro_rows else []
        return f"{self.stage:10} " + ", ".join(parts + (["checkpointing"] if self.recompute else []))


class SoftTriple(nn.Module):
    """The loss of ``tune_polar.model.losses.soft_triple``, written out: its library is not needed here."""

    def __init__(self, size: int, centers: int = 10) -> None:
        super().__init__()
        self.centers = nn.Parameter(torch.randn(size, 2 * centers))

    def forward(self, embeddings: Tensor, classes: Tensor) -> Tensor:
        """Mean loss of embeddings (rows, size) and classes (rows,)."""
        cosine = normalize(embeddings.float()) @ normalize(self.centers, dim=0)  # (rows, 2 · centers)
        cosine = cosine.view(len(embeddings), 2, -1)
        relaxed = (torch.softmax(cosine / 0.1, dim=2) * cosine).sum(dim=2)  # (rows, 2)
        margin = 0.01 * nn.functional.one_hot(classes, 2)
        return cross_entropy(20.0 * (relaxed - margin), classes)


def config(case: Case) -> dict[str, object]:
    """The encoder's sizes."""
    return SMALL if case.simulate else XBASE


def run(case: Case) -> dict[str, float]:
    """Train ``case`` here: seconds a step, measured and counted peak in GB."""
    device = torch.device("cpu") if case.simulate else torch.device("cuda", 0)
    torch.manual_seed(0)
    if case.slot_gb is not None and device.type == "cuda":
        total = torch.cuda.get_device_properties(device).total_memory
        torch.cuda.set_per_process_memory_fraction(slot_budget_bytes(total / GB, case.slot_gb) / total, device)
    sizes = {name: value for name, value in config(case).items() if name != "model_type"}
    encoder = TextEncoder(ErnieModel(ErnieConfig(**sizes), add_pooling_layer=False), pooling="cls").to(device).train()
    is_detector, hidden = case.stage == "detector", encoder.hidden_size
    head = (ProjectionHead(hidden, hidden, 256) if is_detector else ClassificationHead(hidden, hidden, 6, 0.1)).to(
        device
    )
    loss = SoftTriple(256).to(device) if is_detector else nn.BCEWithLogitsLoss()
    encoder.set_recompute(case.recompute)
    groups = parameter_groups(
        encoder,
        [head, loss],
        lr=2e-5,
        head_lr=2e-5,
        xi=0.95,
        weight_decay=0.01,
        centers=None,
        centers_lr=0.0,
    )
    optimizer = torch.optim.AdamW(groups, fused=True)
    fgm = FastGradientMethod(encoder.word_embeddings, 0.2) if case.fgm else None
    generator = np.random.default_rng(0)

    def value(rows: np.ndarray) -> Tensor:
        ids = torch.from_numpy(
            generator.integers(5, encoder.word_embeddings.num_embeddings, (len(rows), case.tokens))
        ).to(device)
        mask = torch.ones_like(ids)
        mask[1:, case.tokens - 3 :] = 0  # padding, as in nearly every batch
        output = head(encoder(ids, mask)).float()
        targets = torch.from_numpy(rows % 2).to(device) if is_detector else torch.rand_like(output).round()
        found: Tensor = loss(output, targets)
        return found

    precision = Precision.of("auto", device)

    def add_up() -> None:
        backward(value, np.arange(case.batch), case.micro_rows, sums=False, precision=precision)

    times = []
    for _ in range(case.steps):
        began = time.perf_counter()
        optimizer.zero_grad(set_to_none=True)
        add_up()
        if fgm is not None:
            with fgm:
                add_up()
        optimizer.step()
        if device.type == "cuda":
            torch.cuda.synchronize()
        times.append(time.perf_counter() - began)
    parameters = sum(p.numel() for part in (encoder, head, loss) for p in part.parameters())
    load = StageLoad(
        encoder=shape_of_config(config(case)),
        parameters=parameters,
        batch_rows=case.batch,
        longest_tokens=case.tokens,
        half_precision=precision.is_half,
        fgm=case.fgm,
        evaluation_rows=1,  # none is evaluated here
    )
    counted = stage_footprint(load, case.micro_rows or case.batch, case.recompute).peak
    measured = torch.cuda.max_memory_allocated(device) if device.type == "cuda" else 0
    return {
        "seconds": sum(times[1:]) / max(1, len(times) - 1),
        "counted_gb": counted / GB,
        "measured_gb": measured / GB,
    }


def start(case: Case) -> subprocess.Popen[str]:
    """``case`` in a process of its own: the next one must not find this one's blocks cached."""
    words = [sys.executable, __file__, "--case", json.dumps(asdict(case))]
    return subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def result(process: subprocess.Popen[str]) -> dict[str, float] | str:
    """What it printed, or the last line of its error."""
    out, error = process.communicate()
    return json.loads(out.splitlines()[-1]) if process.returncode == 0 else error.strip().splitlines()[-1]


def peaks(simulate: bool) -> bool:
    """Counted against measured; whether every count is within its bounds."""
    cases = [
        Case(stage, batch, fgm, simulate=simulate)
        for stage in BATCH
        for batch in ((4,) if simulate else (8, 24, 48))
        for fgm in (True, False)
    ]
    for stage, batch in (("detector", 24), ("detector", 48), ("classifier", 8)):
        whole = Case(stage, 4 if simulate else batch, simulate=simulate)
        halves = replace(whole, micro_rows=whole.batch // 2)
        cases += [halves, replace(whole, recompute=True), replace(halves, recompute=True), replace(halves, fgm=False)]
    good = True
    for case in cases:
        found = result(start(case))
        if isinstance(found, str):
            print(f"{case}: {found}")
            good = False
            continue
        line = f"{case}: counted {found['counted_gb']:.3f} GB, {found['seconds']:.3f} s a step"
        if found["measured_gb"]:
            ratio = found["counted_gb"] / found["measured_gb"]
            good &= LEAST <= ratio <= MOST
            line += f", measured {found['measured_gb']:.3f} GB, counted/measured {ratio:.3f}"
        print(line, flush=True)
    return good


def cap(slot_gb: float, simulate: bool) -> bool:
    """Both published stages in one slot."""
    good = True
    for stage, batch in BATCH.items():
        case = Case(stage, 4 if simulate else batch, steps=3 if simulate else 20, slot_gb=slot_gb, simulate=simulate)
        found = result(start(case))
        good &= not isinstance(found, str)
        said = found if isinstance(found, str) else f"trains, peak {found['measured_gb']:.3f} GB"
        print(f"capped at {slot_gb:g} GB: {case}: {said}", flush=True)
    return good


def neighbours(slot_gb: float, simulate: bool) -> bool:
    """Folds an hour of capped processes side by side."""
    fit = 2 if simulate else slots_of_gpu(torch.cuda.get_device_properties(0).total_memory / GB, slot_gb)
    alone = None
    for count in (n for n in (1, 2, 4, 8) if n <= fit):
        seconds = 0.0  # of one step of each stage, in one of so many processes
        for stage, batch in BATCH.items():
            rows, steps = (4, 4) if simulate else (batch, 60)
            case = Case(stage, rows, steps=steps, tokens=40, slot_gb=slot_gb, simulate=simulate)
            found = [result(process) for process in [start(case) for _ in range(count)]]
            failed = [each for each in found if isinstance(each, str)]
            if failed:
                print(f"{count} processes: {failed[0]}")
                return False
            seconds += float(np.mean([each["seconds"] for each in found if not isinstance(each, str)]))
        folds = count * 3600 / (STEPS_A_STAGE * seconds)
        alone = alone or folds
        print(f"{count} at once: {folds:.2f} folds an hour, {folds / alone:.2f} of one alone", flush=True)
    return True


def main() -> None:
    """Run what was asked for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", choices=("peaks", "cap", "neighbours"))
    parser.add_argument("--slot-gb", type=float, default=DEFAULT_SLOT_GB)
    parser.add_argument("--simulate", action="store_true", help="tiny sizes on the CPU")
    parser.add_argument("--case", help=argparse.SUPPRESS)
    chosen = parser.parse_args()
    if chosen.case:
        torch.set_num_threads(1)
        print(json.dumps(run(Case(**json.loads(chosen.case)))))
        return
    if not chosen.simulate and not torch.cuda.is_available():
        raise SystemExit("no GPU here: nothing can be measured. --simulate shows that the benchmark runs.")
    print(f"torch {torch.__version__}, " + ("simulated on a CPU" if chosen.simulate else torch.cuda.get_device_name()))
    parts: dict[str, Callable[[], bool]] = {
        "peaks": lambda: peaks(chosen.simulate),
        "cap": lambda: cap(chosen.slot_gb, chosen.simulate),
        "neighbours": lambda: neighbours(chosen.slot_gb, chosen.simulate),
    }
    good = [part() for name, part in parts.items() if chosen.only in (None, name)]
    sys.exit(0 if all(good) else 1)


if __name__ == "__main__":
    main()
