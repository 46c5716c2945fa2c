"""Commands on thousands of damaged and hostile inputs: none may end in a traceback, a hang, much memory or outside.

    python benchmarks/mutations.py                          # 10,000 inputs, ten minutes at the most
    python benchmarks/mutations.py --inputs 500 --seed 7    # a quick look at another seed
    python benchmarks/mutations.py --share 0/2              # and 1/2 beside it, on two cores

Each input is a store, a model's folder, a recipe with its space, a table of texts, a file of predictions or an
encoder's folder, changed at random: bits, cuts, repetitions, other values in JSON, YAML and CSV, swapped and renamed
files, links and pipes. One command takes it in a process of its own, forked from one that has loaded the program. What
is left out: Ray does not start (`resume` ends where a search would begin to train), and buckets.

Prints the seed, what each command ended with, and each input that broke a rule with how to make it again; exits with 1
where there is one. Rules: exit code 0, 1 or 2; no traceback; at most 20 seconds; at most 1.5 GB; nothing outside the
input's own folder changes.
"""

from __future__ import annotations

import argparse
import hashlib
import random
import shutil
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from mutated_inputs import MAKERS, NEW_TEXTS, TRAINED, TYPED, prepare
from mutation_process import MOST_SECONDS, load_what_commands_load, run

MOST_BYTES = 1_500_000_000


def seen(folder: Path) -> str:
    """What lies in a folder."""
    digest = hashlib.sha256()
    for path in sorted(folder.rglob("*")):
        digest.update(str(path.relative_to(folder)).encode())
        if path.is_file():
            digest.update(path.read_bytes())
    return digest.hexdigest()


def main() -> None:
    """Make, run, look."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--inputs", type=int, default=10_000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--share", default="0/1", help="every Nth input, from I on: I/N")
    parser.add_argument("--only", type=int, help="one input by its number, left for a look")
    parser.add_argument("--minutes", type=float, default=10.0)
    chosen = parser.parse_args()
    # Loaded before the forks: what each command loads itself would be the most of its time.
    import ray  # noqa: F401

    import tune_polar.api.run_search
    import tune_polar.cli.ending
    import tune_polar.cli.main
    import tune_polar.report.page
    import tune_polar.search.resume_plan  # noqa: F401

    print(f"seed {chosen.seed}", flush=True)
    ends: Counter[tuple[str, str, int]] = Counter()
    broken = 0
    until = time.monotonic() + 60 * chosen.minutes
    with tempfile.TemporaryDirectory(prefix="mutations-") as name:
        folder = Path(name)
        made = prepare(folder)
        shutil.copytree(made / TRAINED, folder / "whole/store")
        (folder / "whole/new.csv").write_text(NEW_TEXTS, encoding="utf-8")
        load_what_commands_load(TYPED, folder / "whole")
        before = seen(made)
        first, step = (int(word) for word in chosen.share.split("/"))
        numbers = range(first, chosen.inputs, step) if chosen.only is None else [chosen.only]
        done = 0
        for number in numbers:
            rng = random.Random(f"{chosen.seed}/{number}")
            place = folder / "place"
            place.mkdir()
            maker = rng.choices(list(MAKERS), list(MAKERS.values()))[0]
            asked = maker(rng, made, place)
            code, seconds, used = run(asked.words, place)
            said = (place / "said.txt").read_text(encoding="utf-8", errors="replace")
            ends[asked.kind, asked.words[0], code] += 1
            done += 1
            rules = {
                f"exit code {code}": code not in (0, 1, 2),
                "a traceback": "Traceback (most recent call last)" in said,
                f"{seconds:.0f} s": seconds > MOST_SECONDS,
                f"{used / 1e9:.1f} GB": used > MOST_BYTES,
                "something outside has changed": (number % 50 == 0 or code not in (0, 1, 2)) and seen(made) != before,
                "no remedy": code == 2 and "Remedy" not in said and "Usage" not in said,
            }
            for rule in (rule for rule, is_broken in rules.items() if is_broken):
                broken += 1
                last = "\n    ".join(said.strip().splitlines()[-12:])
                print(f"input {number} ({' '.join(asked.words)}): {rule}\n    {last}", flush=True)
            if chosen.only is not None:
                print(said)
            shutil.rmtree(place)
            if time.monotonic() > until:
                break
        if seen(made) != before:
            broken += 1
            print("something outside has changed")
    for (kind, command, code), count in sorted(ends.items()):
        print(f"{kind:<12} {command:<18} exit {code:>3} {count:>6}")
    print(f"{done:,} inputs, {broken} broken rules")
    sys.exit(1 if broken else 0)


if __name__ == "__main__":
    main()
