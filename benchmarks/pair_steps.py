"""Steps a second of a stage of pairs, beside a plain loop of transformers with two forward passes and the same loss.

Not run by CI: it needs an encoder's folder (see ``implicit_hate.py``). Both take turns, on the same pairs in the same
batches, with AdamW; the plain loop pads each of its two batches to its longest text. docs/implicit-hate.md has figures.

    python benchmarks/pair_steps.py --rounds 5 --steps 10
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import torch
from implicit_hate import packaged_encoder
from torch import nn
from torch.nn.functional import binary_cross_entropy_with_logits
from transformers import AutoModel, AutoTokenizer

from tune_polar.data.batching import TokenRows
from tune_polar.data.samples import make_sample
from tune_polar.model.encoder import load_encoder
from tune_polar.model.losses import LossBatch, LossContext, build_loss
from tune_polar.trial.forward_pass import batch_tensors
from tune_polar.trial.pair_rows import PairRows

ROWS = 8  # pairs of a step
CONTEXT = LossContext("binary", ("hate",), "logits", width=1, classes=2)


def texts_of_pairs(kind: str) -> tuple[list[str], list[str], torch.Tensor]:
    """Posts, their positives and classes: of the sample, or made to have the lengths of real posts."""
    train = make_sample("harbour").train
    pairs = zip(train.words("implied_statement"), train.words("augmented"), strict=True)
    posts, positives = list(train.texts), [implied or other for implied, other in pairs]
    if kind == "real":  # 17 words on average, 1 to 75, and statements of 5
        rng = np.random.default_rng(0)
        words = [word for text in posts for word in text.split()]
        lengths = np.clip(rng.gamma(4.5, 3.7, len(posts)).round().astype(int), 1, 75)
        posts = [" ".join(rng.choice(words, size)) for size in lengths]
        positives = [" ".join(rng.choice(words, 5)) for _ in posts]
    return posts, positives, torch.from_numpy(train.values("hate"))


def ours(folder: str, posts: list[str], positives: list[str], classes: torch.Tensor) -> Callable[[np.ndarray], None]:
    """One step as a stage takes it: both texts in one pass, no work on padding."""
    encoder, tokenizer = load_encoder(folder, pooling="mean")
    tokens = TokenRows(tokenizer.encode([*posts, *positives], 128))
    pairs = PairRows(tokens, len(posts) + np.arange(len(posts)))
    head, device = nn.Linear(encoder.hidden_size, 1), torch.device("cpu")
    losses = build_loss("cross_entropy", CONTEXT), build_loss("triplet", CONTEXT)
    optimizer = torch.optim.AdamW([*encoder.parameters(), *head.parameters()], lr=1e-5, fused=True)
    encoder.train()

    def step(rows: np.ndarray) -> None:
        optimizer.zero_grad(set_to_none=True)
        vectors = encoder(*batch_tensors(tokens, pairs.both(rows), tokenizer.pad_id, device))
        own, other = vectors[: len(rows)], vectors[len(rows) :]
        batch = LossBatch(head(own), own, classes[torch.from_numpy(rows)], positives=other)
        (0.25 * losses[0](batch) + 0.75 * losses[1](batch)).backward()
        torch.nn.utils.clip_grad_norm_([*encoder.parameters(), *head.parameters()], 1.0)
        optimizer.step()

    return step


def plain(folder: str, posts: list[str], positives: list[str], classes: torch.Tensor) -> Callable[[np.ndarray], None]:
    """One step of a plain loop: texts tokenised a batch at a time, two forward passes."""
    encoder: Any = AutoModel.from_pretrained(folder)
    tokenizer: Any = AutoTokenizer.from_pretrained(folder)
    head, loss = nn.Linear(encoder.config.hidden_size, 1), build_loss("triplet", CONTEXT)
    optimizer = torch.optim.AdamW([*encoder.parameters(), *head.parameters()], lr=1e-5)
    encoder.train()

    def vectors(texts: list[str]) -> torch.Tensor:
        read = tokenizer(texts, padding=True, truncation=True, max_length=128, return_tensors="pt")
        mask = read["attention_mask"].unsqueeze(-1)
        found: torch.Tensor = (encoder(**read).last_hidden_state * mask).sum(1) / mask.sum(1)
        return found

    def step(rows: np.ndarray) -> None:
        optimizer.zero_grad()
        own, other = vectors([posts[row] for row in rows]), vectors([positives[row] for row in rows])
        targets, logits = classes[torch.from_numpy(rows)], head(own)
        cross = binary_cross_entropy_with_logits(logits[:, 0], targets.float())
        (0.25 * cross + 0.75 * loss(LossBatch(logits, own, targets, positives=other))).backward()
        torch.nn.utils.clip_grad_norm_([*encoder.parameters(), *head.parameters()], 1.0)
        optimizer.step()

    return step


def batches(rows: int) -> Iterator[np.ndarray]:
    """Rows by chance, without end."""
    rng = np.random.default_rng(0)
    while True:
        yield rng.permutation(rows)[:ROWS]


def main() -> None:
    """Take turns, and say the median of each."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--encoder", default=None)
    parser.add_argument("--lengths", choices=("sample", "real"), default="real")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--steps", type=int, default=10)
    about = parser.parse_args()
    folder, pairs = about.encoder or packaged_encoder(), texts_of_pairs(about.lengths)
    steps = {"tune-polar": ours(folder, *pairs), "plain loop": plain(folder, *pairs)}
    rates: dict[str, list[float]] = {name: [] for name in steps}
    for number in range(about.rounds + 1):
        for name, step in steps.items():
            rows = batches(len(pairs[0]))
            started = time.perf_counter()
            for _ in range(about.steps):
                step(next(rows))
            if number:  # the first round warms up
                rates[name].append(about.steps / (time.perf_counter() - started))
    for name, found in rates.items():
        print(f"{name}: {statistics.median(found):.2f} steps a second, {min(found):.2f} to {max(found):.2f}")
    ratios = [one / other for one, other in zip(*rates.values(), strict=True)]
    print(f"{statistics.median(ratios):.2f} times as fast, {min(ratios):.2f} to {max(ratios):.2f} from round to round")


if __name__ == "__main__":
    main()
