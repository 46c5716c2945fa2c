"""Size of the page of a large search, and the seconds it takes to build it from records on one core.

    python benchmarks/page_scale.py                       # 1,000 configurations × 5 folds
    python benchmarks/page_scale.py --configurations 200  # a quick look
    python benchmarks/page_scale.py --page page.html      # keep the page, to look at it

Records are those of ``store_scale.py``: synthetic, as large as the sample corpus makes them, each configuration with
stages of its own and with the scores that a search keeps as it goes. Exits with status 1 where the page misses a target
(3 MB, 8 s).
"""

from __future__ import annotations

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")  # one core: threads of numpy would wait for one another there
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import argparse
import shutil
import sys
import tempfile
import time
from pathlib import Path

from store_scale import fill, keep_scores, plan_of_sample

from tune_polar.api.report import context_of
from tune_polar.api.winner_files import write_page
from tune_polar.report.page import html_of
from tune_polar.report.reading import summary_for_page
from tune_polar.store.store import open_store

MEGABYTES, SECONDS = 3.0, 8.0


def main() -> int:
    """Fill a store, build its page."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--configurations", type=int, default=1000)
    parser.add_argument("--keep", type=Path, help="folder of the store: filled if absent, kept at the end")
    parser.add_argument("--page", type=Path, help="where the page is kept")
    arguments = parser.parse_args()
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})  # one core
    scratch = arguments.keep or Path(tempfile.mkdtemp(prefix="page-scale-"))
    folder = scratch / "store"
    plan = plan_of_sample(arguments.configurations)
    store = open_store(folder)
    if not (folder / "manifest.json").exists():
        fill(store, folder, plan, arguments.configurations)
        keep_scores(store, plan)
    path = arguments.page or scratch / "page.html"
    start, cpu = time.perf_counter(), time.process_time()
    summary = summary_for_page(store)
    read = time.perf_counter() - start
    context = context_of(store, summary, path)
    write_page(context, html_of(context), path)
    seconds, busy = time.perf_counter() - start, time.process_time() - cpu
    megabytes = path.stat().st_size / 1e6
    print(f"{len(summary.configurations):,} configurations × {len(plan.cells)} folds, one core")
    print(f"{'reading records':20} {read:8.2f} s")
    print(f"{'page, all told':20} {seconds:8.2f} s, of them {busy:.2f} s of this process (target {SECONDS:g} s)")
    print(f"{'size':20} {megabytes:8.2f} MB (target {MEGABYTES:g} MB)")
    if arguments.keep is None:
        shutil.rmtree(scratch)
    return int(megabytes >= MEGABYTES or seconds >= SECONDS)


if __name__ == "__main__":
    sys.exit(main())
