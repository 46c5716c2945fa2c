"""Everything that only a GPU can tell, in one run: memory, speed, errors and kills of the product on a real card.

    python benchmarks/gpu.py                     # on a machine with a GPU: all of it, in less than eight minutes
    python benchmarks/gpu.py --only peaks        # one section: try, search, peaks, trainer, neighbours, recovery, kill
    python benchmarks/gpu.py --times 3           # on a slow card or disk: three times the seconds of each section
    python benchmarks/gpu.py --dry               # anywhere: every section on a pretended card, to see that it runs

The encoder has the size of ERNIE 3.0 xbase and random weights, so nothing is downloaded; ``search`` trains the embedded
one. Sections, the most important first, each with seconds of its own after which it is ended:

- ``try``: `tune-polar doctor st3 --try`: counted and measured peak, steps a second, seconds of an evaluation
- ``search``: `tune-polar search st3 --trials 2 --folds 2` of the sample; where Ray is missing its folds alone
- ``peaks``: counted over measured peaks of both stages by batch, FGM, micro-batches and gradient checkpointing
- ``trainer``: `benchmarks/throughput.py --gpu`, the Hugging Face Trainer beside ours; it wants accelerate
- ``neighbours``: folds an hour of 1, 2, 4 and 8 processes of one slot each (a fold: all steps of both stages, without
  evaluations) and the ratio to one alone
- ``recovery``: a real OutOfMemoryError before a stage's first step and in the middle of it, and what follows
- ``kill``: kill −9 in the middle of a stage, and the same stage from its checkpoint: seconds, and the same bits or not

Each figure is printed as soon as it is known, all of them again as a table of Markdown for docs/slots.md. Of tune-polar
it needs the source, of other packages torch, transformers, numpy, pydantic and pytorch-metric-learning; it writes about
10 GB into the system's folder for temporary files (``--scratch``). Exit code 1: a section failed, or a count is more
than 10% over a measured peak or more than 3% under; 2: there is no GPU.
"""

from __future__ import annotations

import argparse
import datetime
import importlib
import os
import signal
import sys
import tempfile
import time
from dataclasses import dataclass
from multiprocessing.connection import wait
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from gpu_process import About, Bench

ROOT = Path(__file__).resolve().parents[1]
HEAD_SECONDS = 60.0  # to find the card, and as many to make an encoder
DRY_RUN = "dry run | "
PRETENDED = "a pretended card"


@dataclass(frozen=True)
class Section:
    """A part of the run: a function of one of the modules beside this one."""

    seconds: float
    module: str
    function: str

    def run(self, bench: Bench) -> None:
        """All its figures."""
        getattr(importlib.import_module(self.module), self.function)(bench)


SECTIONS = {  # the most important first; together, with what comes before them, less than eight minutes
    "try": Section(80, "gpu_commands", "try_"),
    "search": Section(50, "gpu_commands", "search"),
    "peaks": Section(80, "gpu_peaks", "peaks"),
    "trainer": Section(65, "gpu_commands", "trainer"),
    "neighbours": Section(55, "gpu_neighbours", "neighbours"),
    "recovery": Section(60, "gpu_recovery", "recovery"),
    "kill": Section(55, "gpu_kill", "kill"),
}


def main() -> int:
    """Run all sections, or one."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", choices=SECTIONS)
    parser.add_argument("--dry", action="store_true", help="small sizes on a pretended card: nothing is measured")
    parser.add_argument("--times", type=float, default=1.0, metavar="X", help="each section gets X times its seconds")
    parser.add_argument("--slot-gb", type=float, default=8.0)
    parser.add_argument("--scratch", type=Path, help="where 10 GB may be written  [default: the system's folder]")
    options = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # what was started is ended too
    find_the_checkout()
    if options.dry:
        pretend_a_card()
    with tempfile.TemporaryDirectory(prefix="tune-polar-gpu-", dir=options.scratch) as folder:
        return Run(options, Path(folder)).all()


def find_the_checkout() -> None:
    """Have this process and all it starts load the tune_polar that lies beside this folder, and ask no hub."""
    sys.path.insert(0, str(ROOT))
    os.environ["HF_HUB_DISABLE_PROGRESS_BARS"] = os.environ["HF_HUB_OFFLINE"] = "1"
    os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, (str(ROOT), os.environ.get("PYTHONPATH"))))


def pretend_a_card() -> None:
    """Put the tests' stand-in for the CUDA driver into this process, and into those that it will start."""
    from tests.stand_in import processes
    from tests.stand_in.cards import Card

    if processes.VARIABLE in os.environ:
        return
    os.environ.update(processes.environment(Card(name=PRETENDED, total_gb=24.0)))
    import torch

    if torch.version.cuda is not None or torch.version.hip is not None:
        sys.stderr.write(f"--dry needs a torch that is built for the CPU, got {torch.__version__}: leave it out here\n")
        sys.exit(2)
    processes.install_described()
    from tune_polar.trial import visible_gpus

    processes.show_device_files(visible_gpus)


def load_all() -> None:
    """Load what sections need, so that none does it again; a pretended card must be there before torch is."""
    # Whatever asks whether there is a card while it is loaded must not begin to use it: CUDA does not survive a fork.
    os.environ["PYTORCH_NVML_BASED_CUDA_CHECK"] = "1"
    for section in SECTIONS.values():
        importlib.import_module(section.module)
    del os.environ["PYTORCH_NVML_BASED_CUDA_CHECK"]


class Run:
    """The sections one after the other, and what they told."""

    def __init__(self, options: argparse.Namespace, folder: Path) -> None:
        self._options, self._folder = options, folder
        self._rows: list[tuple[str, str, str]] = []
        self._is_good = True

    def all(self) -> int:
        """The exit code."""
        load_all()
        import gpu_head
        from gpu_process import ProcessEnded, in_process

        from tune_polar.trial.visible_gpus import visible_variable

        began, seconds = time.monotonic(), HEAD_SECONDS * max(1.0, self._options.times)
        try:
            gpu = in_process(seconds, gpu_head.look)
        except ProcessEnded as error:
            gpu = str(error)
        if isinstance(gpu, str):
            sys.stderr.write(f"no GPU here: nothing can be measured ({gpu}). --dry shows that the benchmark runs.\n")
            return 2
        os.environ[visible_variable()] = gpu.device  # of several, the first is measured
        about = in_process(seconds, gpu_head.about, gpu)
        if self._options.dry:
            self.print("no figure here is a measurement: small sizes, on a CPU")
        self.print(str(about))
        encoder = self._folder / "encoder"
        in_process(seconds, gpu_head.write_encoder, encoder, self._options.dry)
        for name, section in SECTIONS.items():
            if self._options.only in (None, name):
                self._run(name, section, about, encoder)
        self.print(f"all in {time.monotonic() - began:.0f} s")
        self._print_table(about)
        return 0 if self._is_good else 1

    def print(self, line: str) -> None:
        """A line, at once."""
        print((DRY_RUN if self._options.dry else "") + line, flush=True)

    def tell(self, section: str, what: str, figure: str, good: bool) -> None:
        """A figure, at once and for the table."""
        self._is_good &= good
        self._rows.append((section, what, figure))
        self.print(f"{section:10} {what}: {figure}{'' if good else '  <- NOT AS IT SHOULD BE'}")

    def _run(self, name: str, section: Section, about: About, encoder: Path) -> None:
        """In a process of its own, which is ended when its time is over; its fault is told and ends nothing else."""
        from chaos import kill_tree
        from gpu_process import FORK, Bench

        seconds = section.seconds * self._options.times
        until = time.monotonic() + seconds
        receiving, sending = FORK.Pipe(duplex=False)
        options = self._options.dry, self._options.slot_gb, self._folder, encoder, until
        bench = Bench(about, *options, lambda what, figure, good: sending.send((what, figure, good)))
        process = FORK.Process(target=_at_work, args=(section, bench))
        process.start()
        try:
            while True:
                ready = wait([receiving, process.sentinel], timeout=max(0.0, until - time.monotonic()))
                if receiving in ready:
                    self.tell(name, *receiving.recv())
                elif ready:
                    break
                else:
                    self.tell(name, "ended", f"its {seconds:.0f} s were over", False)
                    break
        finally:
            if process.is_alive() and process.pid is not None:
                kill_tree(process.pid)
            process.join()

    def _print_table(self, about: About) -> None:
        day = datetime.date.today().isoformat()
        self.print("")
        self.print(f"{about}. `python benchmarks/gpu.py`, {day}.")
        self.print("")
        self.print("| section | what | figure |")
        self.print("| --- | --- | --- |")
        for row in self._rows:
            self.print("| " + " | ".join(cell.replace("|", "/") for cell in row) + " |")


def _at_work(section: Section, bench: Any) -> None:
    from gpu_process import first_line

    try:
        section.run(bench)
    except Exception as error:  # noqa: BLE001 (told; the next section has its turn)
        bench.tell("failed", first_line(error), good=False)


if __name__ == "__main__":
    sys.exit(main())
