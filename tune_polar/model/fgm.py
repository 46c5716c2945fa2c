"""Fast gradient method: a second backward pass on embeddings moved uphill (Miyato et al. 2017, section 3)."""

from __future__ import annotations

from types import TracebackType

import torch
from torch import Tensor, nn

from tune_polar.errors import ModelError


class FastGradientMethod:
    """Moves the word-embedding matrix by r = ε · g / ‖g‖₂ and puts it back, bit for bit.

    After the normal backward passes of one optimizer step::

        with fgm:
            loss(batch).backward()  # adds to the gradients that are already there
        optimizer.step()

    g is what stands in ``weight.grad``. Where a step accumulates several micro-batches, run all of them first
    and all of them again inside the block: moving after each would follow the sum so far and not the step's
    gradient.
    """

    def __init__(self, embedding: nn.Embedding, epsilon: float) -> None:
        """Attack ``embedding.weight`` with radius ``epsilon``.

        Raises:
            ModelError: ``epsilon`` is not positive.
        """
        if epsilon <= 0.0:
            raise ModelError(
                f"the radius epsilon must be positive, got {epsilon}",
                "Switch FGM off instead of setting it to 0.",
            )
        self._weight = embedding.weight
        self._epsilon = epsilon
        self._clean: Tensor | None = None

    def attack(self) -> None:
        """Move the embeddings; a gradient that is missing, zero or not finite moves nothing.

        Raises:
            ModelError: the embeddings are already moved.
        """
        if self._clean is not None:
            raise ModelError("an attack must be undone before the next one", "Call restore() after each attack().")
        self._clean = self._weight.detach().clone()
        gradient = self._weight.grad
        if gradient is None:
            return
        norm = torch.linalg.vector_norm(gradient, dtype=torch.float32)  # ()
        sound = torch.isfinite(norm) & (norm > 0)
        # where() and not if: asking for the norm's value would make the host wait for the accelerator
        step = torch.where(sound, gradient * (self._epsilon / norm), 0.0)  # r, (vocabulary, hidden)
        with torch.no_grad():
            self._weight.add_(step)

    def restore(self) -> None:
        """Put the embeddings back; their gradients stay.

        Raises:
            ModelError: there was no attack.
        """
        if self._clean is None:
            raise ModelError("restoring needs an attack before it", "Call attack() first.")
        with torch.no_grad():
            self._weight.copy_(self._clean)
        self._clean = None

    def __enter__(self) -> None:
        self.attack()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.restore()
