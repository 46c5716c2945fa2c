"""How fast `predict` is beside its own encoder, and whether its memory stays flat.

Usage: ``python benchmarks/predict.py [STORE] [--texts 100000] [--device cpu]``

Without a store a search of the sample is run first (one configuration, two folds, the embedded encoder). Printed are
texts a second of the encoders alone (batches of tokens that are there already, sorted by length, no gradients), of the
whole of ``predict`` (reading a CSV file, tokens, encoders and heads of all folds, decisions, writing), their ratio, and
the process's memory after a tenth of the file and at its end.
"""

from __future__ import annotations

import argparse
import csv
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch

from tune_polar.api.model_words import ModelWords
from tune_polar.data.batching import TokenRows
from tune_polar.data.new_texts import NewTexts, TextColumns, new_texts
from tune_polar.data.sample_corpus import sample_corpus
from tune_polar.serve.from_store import store_models
from tune_polar.serve.predict import predict_all
from tune_polar.serve.recorded_model import recorded
from tune_polar.serve.stored_composition import stored_composition
from tune_polar.serve.writers import predictions_at
from tune_polar.store.store import open_store
from tune_polar.trial.forward_pass import predict
from tune_polar.trial.host_memory import peak_bytes, reset_peak, resident_bytes
from tune_polar.trial.inference import TrainedStage
from tune_polar.trial.memory_plan import EVALUATION_ROWS

MIB = 2**20


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("store", nargs="?")
    parser.add_argument("--texts", type=int, default=100_000)
    parser.add_argument("--device", default="cpu")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        store = asked.store or searched(Path(folder))
        texts = Path(folder) / "texts.csv"
        write_texts(texts, asked.texts)
        alone, whole = measured(store, texts, Path(folder) / "out.csv", asked.device, asked.texts)
    print(f"encoders alone {asked.texts / alone:10,.0f} texts a second")
    print(f"predict        {asked.texts / whole:10,.0f} texts a second")
    print(f"ratio          {alone / whole:10.2f}")


def searched(folder: Path) -> str:
    """A store with a small search of the sample."""
    words = ["search", "st1", "--trials", "1", "--folds", "2", "--slots", "1", "--store", str(folder / "store"), "-q"]
    subprocess.run([sys.executable, "-m", "tune_polar", *words], check=True, stdout=subprocess.DEVNULL)
    return str(folder / "store")


def write_texts(path: Path, count: int) -> None:
    """Texts of the sample's own length, each another one."""
    known, draw = sample_corpus(0).train.texts, random.Random(0)
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["id", "text"])
        writer.writerows((number, f"{draw.choice(known)}{number}") for number in range(count))


def measured(store: str, texts: Path, out: Path, device: str, count: int) -> tuple[float, float]:
    """Seconds of the encoders' forward passes alone, and of the whole of ``predict``; tells how memory goes.

    Both go through the file part by part in turn, so that whatever else the machine does slows both.
    """
    opened = open_store(store, to_look=True)
    found = recorded(opened)
    composition = stored_composition(opened, found, all_rows=False)
    load, on = store_models(opened, found, composition), torch.device(device)
    stages = [load(cell, name) for cell, name in composition.places.values()]  # as many as predict asks, each once
    for stage in stages:
        stage.to(on)
    alone = beside = 0.0

    def parts(rows: int) -> Iterator[NewTexts]:
        nonlocal alone, beside
        for part in new_texts([str(texts)], TextColumns(), rows):
            entered = time.perf_counter()
            read: dict[int, TokenRows] = {}
            for stage in stages:
                tokens = read.setdefault(stage.shape.max_length_tokens, stage.tokens(part.texts))
                began = time.perf_counter()
                forward(stage, tokens, on)
                alone += time.perf_counter() - began
            beside += time.perf_counter() - entered
            yield part

    model = ModelWords(store).chosen(device).open(None)
    model.prepare()
    early, began = 0, time.perf_counter()
    with predictions_at(str(out), print) as writer:
        for done in predict_all(model, parts(model.rows_a_part), writer, print):
            if not early and done >= count / 10:
                early = resident_bytes()
                reset_peak()
    whole = time.perf_counter() - began - beside
    print(f"memory         {early / MIB:,.0f} MiB after a tenth, at most {peak_bytes() / MIB:,.0f} MiB after it")
    return alone, whole


def forward(stage: TrainedStage, tokens: TokenRows, device: torch.device) -> None:
    """The encoder over all rows."""
    steps: Iterator[None] = predict(
        stage.model.encoder.forward, tokens, np.arange(len(tokens)), stage.tokenizer.pad_id, device, EVALUATION_ROWS
    )
    for _ in steps:
        pass
    if device.type == "cuda":
        torch.cuda.synchronize(device)


if __name__ == "__main__":
    main()
