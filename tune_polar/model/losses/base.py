"""What every loss has in common: the batch it reads, what it is built for, and what a training needs to know of it."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, Literal

from torch import Tensor, nn

from tune_polar.errors import ModelError
from tune_polar.model.components import Components
from tune_polar.model.losses.reduction import Reduction

TaskKind = Literal["binary", "multiclass", "multilabel", "regression"]
OutputsKind = Literal["logits", "embeddings", "values"]
TASK_KINDS: frozenset[TaskKind] = frozenset(("binary", "multiclass", "multilabel", "regression"))
OUTPUTS_KINDS: frozenset[OutputsKind] = frozenset(("logits", "embeddings", "values"))


@dataclass(frozen=True, eq=False)
class LossBatch:
    """Rows of one forward pass, as a loss reads them."""

    outputs: Tensor  # of the head, (rows, outputs)
    embeddings: Tensor  # of the encoder, what the head was given, (rows, hidden)
    targets: Tensor  # classes (rows,) long; labels (rows, labels) of 0 and 1; values (rows,) float
    positives: Tensor | None = None  # vectors of each row's positive text, as ``vectors`` are the rows', (rows, size)
    clusters: Tensor | None = None  # of each row whose positive text is its cluster's middle row, (rows,)
    groups: Tensor | None = None  # codes of the rows' groups, −1 where a row has none, (rows,)


@dataclass(frozen=True)
class LossContext:
    """What a loss stands on."""

    task_kind: TaskKind
    columns: tuple[str, ...]  # the task's, in the order of the targets
    outputs_kind: OutputsKind
    width: int  # of the outputs
    classes: int  # of one column: 2 of a binary one or a label, 0 of a value


class Loss(nn.Module, ABC):
    """A loss with its settings, and with weights of its own where it has any.

    Its ``__init__`` takes a ``LossContext`` and the settings by name. Weights are drawn from torch's global generator
    (see ``seeded_start``).
    """

    tasks: ClassVar[frozenset[TaskKind]] = TASK_KINDS  # that it can train
    reads: ClassVar[frozenset[OutputsKind]] = OUTPUTS_KINDS  # kinds of outputs it can stand on
    couples_rows: bool = False  # a row's loss depends on the batch's other rows, so that no batch may be split
    reduction: Reduction = "mean"  # how the rows' losses become one number

    @abstractmethod
    def forward(self, batch: LossBatch) -> Tensor:
        """The loss of a batch, shape (), in 32 bits."""

    def own_rates(self) -> list[tuple[list[nn.Parameter], float]]:
        """Weights with a learning rate of their own, never decayed; rate 0: they keep their start."""
        return []

    def kept(self) -> dict[str, Tensor]:
        """What a stage's record keeps of the loss after training, by name."""
        return {}


LOSSES = Components[Loss]("loss")


def build_loss(name: str, context: LossContext, /, **settings: object) -> Loss:
    """The loss called ``name``.

    Args:
        name: one of ``LOSSES``.
        context: what it stands on.
        settings: its own, as its class lists them; those left out have their defaults.

    Raises:
        ModelError: there is no such loss, it does not go with the task or the head, or a setting is out of its range.

    Example:
        >>> context = LossContext("multilabel", ("a", "b"), "logits", width=2, classes=2)
        >>> loss = build_loss("asymmetric", context, gamma_negative=4.0)
    """
    kind = LOSSES[name]
    if context.task_kind not in kind.tasks:
        raise ModelError(
            f"loss {name} must train a task of kind {_listed(sorted(kind.tasks))}, got {context.task_kind}",
            "Choose a loss for this task; `tune-polar list` names them.",
        )
    if context.outputs_kind not in kind.reads:
        raise ModelError(
            f"loss {name} must stand on {_listed(sorted(kind.reads))}, the head gives {context.outputs_kind}",
            "Choose another head; `projection` gives embeddings, the others logits.",
        )
    loss: Loss = kind(context, **settings)
    return loss


def _listed(names: Sequence[str]) -> str:
    return " or ".join(names)
