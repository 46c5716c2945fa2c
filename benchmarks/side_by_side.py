"""Several adapters on one base: trained one after another, or side by side with one forward of the base for all.

    python benchmarks/side_by_side.py --adapters 5 --rows 16 --tokens 64

Side by side, the batches of all adapters lie below each other; every matrix of the base is multiplied once, and each
adapter's two small matrices with its own rows (a batched product). Gradients are compared first; then steps a second of
one thread's CPU time are measured, in turn, so that a busy machine slows both alike.
"""

from __future__ import annotations

import argparse
import json
import statistics
import time
from collections.abc import Callable, Iterator

import torch
from torch import Tensor, nn
from transformers import BertConfig, BertModel


class GroupedLora(nn.Module):
    """A frozen matrix and ``groups`` adapters beside it; rows come in as many equal parts as there are adapters."""

    def __init__(self, base: nn.Linear, groups: int, rank: int, generator: torch.Generator) -> None:
        super().__init__()
        self.base = base.requires_grad_(False)
        self.down = nn.Parameter(
            torch.randn(groups, base.in_features, rank, generator=generator) / base.in_features**0.5
        )
        self.up = nn.Parameter(0.1 * torch.randn(groups, rank, base.out_features, generator=generator))
        self.active = slice(None)  # the adapters whose rows come in

    def forward(self, rows: Tensor) -> Tensor:
        """(rows, tokens, size)."""
        down, up = self.down[self.active], self.up[self.active]
        parts = rows.reshape(len(down), -1, rows.shape[-1])  # (adapters, rows · tokens, size)
        beside = (parts @ down @ up).reshape(*rows.shape[:-1], -1)
        found: Tensor = self.base(rows) + beside
        return found


def adapted(adapters: int, rank: int) -> tuple[BertModel, list[GroupedLora]]:
    """A base of MiniLM's size (22 M parameters) with adapters beside every matrix of its layers."""
    torch.manual_seed(0)
    config = BertConfig(hidden_size=384, num_hidden_layers=6, num_attention_heads=12, intermediate_size=1536)
    base = BertModel(config, add_pooling_layer=False).eval().requires_grad_(False)
    generator, found = torch.Generator().manual_seed(1), []
    for layer in base.encoder.layer:
        for module in list(layer.modules()):
            for name, child in list(module.named_children()):
                if isinstance(child, nn.Linear):
                    lora = GroupedLora(child, adapters, rank, generator)
                    setattr(module, name, lora)
                    found.append(lora)
    return base, found


def step(base: BertModel, loras: list[GroupedLora], ids: Tensor, active: slice) -> None:
    """Forward and backward of the adapters ``active`` on their own rows; a loss is a mean over an adapter's rows."""
    for lora in loras:
        lora.active = active
    vectors = base(input_ids=ids[active].flatten(0, 1)).last_hidden_state.mean(1)  # (adapters · rows, size)
    (vectors.square().mean(1).reshape(len(ids[active]), -1).mean(1)).sum().backward()


def gradients(loras: list[GroupedLora]) -> Iterator[Tensor]:
    """Of every adapter, set to none."""
    for lora in loras:
        for parameter in (lora.down, lora.up):
            yield parameter.grad if parameter.grad is not None else torch.zeros_like(parameter)
            parameter.grad = None


def main() -> None:
    """Compare gradients, then speed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--adapters", type=int, default=5)
    parser.add_argument("--rank", type=int, default=16)
    parser.add_argument("--rows", type=int, default=16, help="of an adapter's batch")
    parser.add_argument("--tokens", type=int, default=64)
    parser.add_argument("--rounds", type=int, default=5)
    about = parser.parse_args()
    torch.set_num_threads(1)
    base, loras = adapted(about.adapters, about.rank)
    ids = torch.randint(
        0, 30_000, (about.adapters, about.rows, about.tokens), generator=torch.Generator().manual_seed(2)
    )

    def one_after_another() -> None:
        for each in range(about.adapters):
            step(base, loras, ids, slice(each, each + 1))

    def side_by_side() -> None:
        step(base, loras, ids, slice(None))

    one_after_another()
    apart = list(gradients(loras))
    side_by_side()
    if not all(float(each.abs().max()) > 0 for each in apart):
        raise SystemExit("every adapter must have a gradient, got one without")
    largest = max(float((a - b).abs().max() / a.abs().max()) for a, b in zip(apart, gradients(loras), strict=True))
    if largest > 1e-4:
        raise SystemExit(f"gradients must be equal, got a relative difference of {largest:.1e}")
    ways: dict[str, Callable[[], None]] = {"one after another": one_after_another, "side by side": side_by_side}
    seconds: dict[str, list[float]] = {name: [] for name in ways}
    for _ in range(about.rounds):
        for name, run in ways.items():
            begun = time.process_time()
            run()
            seconds[name].append(time.process_time() - begun)
            list(gradients(loras))
    rates = {name: about.adapters / statistics.median(each) for name, each in seconds.items()}
    gain = rates["side by side"] / rates["one after another"]
    print(json.dumps({"steps a second": rates, "gain": gain, "largest difference of gradients": largest}, indent=1))


if __name__ == "__main__":
    main()
