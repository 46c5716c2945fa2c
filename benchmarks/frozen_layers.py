"""Steps a second and bytes kept of a stage whose first layers are frozen, beside one that trains them all.

    python benchmarks/frozen_layers.py                                    # six layers of 256, drawn at random
    python benchmarks/frozen_layers.py --encoder FOLDER --frozen 0 3 6

The stage of the recipe `zhegu` takes so many steps on the sample as a search would take them; numbers of frozen layers
take turns, and the first round warms up. Printed are steps a second with their range over rounds, as a multiple of none
frozen in the same round, and the size of the weights that a search would keep of the stage: with frozen layers neither
they nor the embeddings are in it, nor in optimizer and gradients.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import torch

from tune_polar.data.samples import make_sample
from tune_polar.data.source import parse_source
from tune_polar.model.random_encoder import write_random_encoder
from tune_polar.recipe.cells import cells
from tune_polar.recipe.recipe_file import RecipeOptions, load_recipe
from tune_polar.search.recipe_data import fold_plans, read_corpus
from tune_polar.store.store import open_store
from tune_polar.trial.fold_trial import FoldTrial
from tune_polar.trial.run_fold_trial import run_fold_trial
from tune_polar.trial.stage_inputs import inputs_of
from tune_polar.trial.worker_context import TrialContext

STAGE = "regressor"


@dataclass(frozen=True)
class Cost:
    """Of one number of frozen layers."""

    frozen: int
    steps_a_second: tuple[float, ...]  # by round
    kept_bytes: int


def random_encoder(folder: Path, layers: int = 6, hidden: int = 256) -> str:
    """An encoder's folder: weights of a stage that are as in there are not kept."""
    sizes = {"hidden_size": hidden, "intermediate_size": 4 * hidden, "num_hidden_layers": layers, "vocab_size": 2000}
    config = {"model_type": "bert", "num_attention_heads": hidden // 32, "max_position_embeddings": 130, **sizes}
    write_random_encoder(folder, config, make_sample("intimacy").train.texts)
    return str(folder)


def cost(encoder: str, frozen: int, steps: int) -> tuple[float, int]:
    """Steps a second, and bytes of the weights kept."""
    changes: dict[str, object] = {
        "encoder.frozen_layers": frozen,
        "folds": {"plan": "holdout", "share": 0.05},
        f"{STAGE}.losses": {"epm": {}},
        f"{STAGE}.optimizer.max_steps": steps,
        f"{STAGE}.optimizer.eval_every_steps": 100_000,
    }
    recipe = load_recipe("zhegu", RecipeOptions(encoder=encoder, changes=changes)).recipe
    corpus = read_corpus(recipe, parse_source("sample"))
    plans = fold_plans(recipe, corpus)
    with tempfile.TemporaryDirectory() as folder:
        store = open_store(folder)
        context = TrialContext(corpus, plans, store, torch.device("cpu"), 0.0)
        (cell,) = cells(recipe, plans[STAGE])
        record = run_fold_trial(FoldTrial(recipe, cell, inputs_of(recipe, corpus, plans)), context)
        stage = store.stage(record.stages[STAGE])
        if stage is None:
            raise RuntimeError("the stage left no record")
        return stage.steps / stage.seconds, store.weights_bytes()[stage.key]


def costs(encoder: str, numbers: Sequence[int], steps: int, rounds: int) -> list[Cost]:
    """Take turns; the first of ``numbers`` is what the others are compared with."""
    rates: dict[int, list[float]] = {number: [] for number in numbers}
    kept: dict[int, int] = {}
    for turn in range(rounds + 1):
        for number in numbers:
            rate, kept[number] = cost(encoder, number, steps)
            if turn:
                rates[number].append(rate)
    return [Cost(number, tuple(rates[number]), kept[number]) for number in numbers]


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--encoder", help="a folder; by default one that is drawn at random")
    parser.add_argument("--frozen", type=int, nargs="+", default=[0, 1, 3, 5])
    parser.add_argument("--steps", type=int, default=40)
    parser.add_argument("--rounds", type=int, default=3)
    chosen = parser.parse_args()
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as folder:
        encoder = chosen.encoder or random_encoder(Path(folder))
        found = costs(encoder, chosen.frozen, chosen.steps, chosen.rounds)
    for each in found:
        times = statistics.median(a / b for a, b in zip(each.steps_a_second, found[0].steps_a_second, strict=True))
        rate = statistics.median(each.steps_a_second)
        print(
            f"{each.frozen} frozen: {rate:.2f} steps a second ({min(each.steps_a_second):.2f} to "
            f"{max(each.steps_a_second):.2f}), {times:.2f} times; {each.kept_bytes / 2**20:.2f} MB kept, "
            f"{each.kept_bytes / found[0].kept_bytes:.0%}"
        )


if __name__ == "__main__":
    main()
