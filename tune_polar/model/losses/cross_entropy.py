"""Cross-entropy of classes or of labels, computed in 32 bits whatever the logits come in."""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn.functional import binary_cross_entropy_with_logits, cross_entropy

from tune_polar.model.losses.base import LOSSES, Loss, LossBatch, LossContext
from tune_polar.model.losses.reduction import check_label_shape


@LOSSES.register("cross_entropy")
class CrossEntropyLoss(Loss):
    """Classes: −log softmax(logits)[target]. One logit, or labels: −y log p − (1−y) log(1−p) each. Mean over all.

    On embeddings it stands on a linear layer of its own: (rows, embedding) → a logit a class, or a label.
    """

    tasks = frozenset(("binary", "multiclass", "multilabel"))
    reads = frozenset(("logits", "embeddings"))

    def __init__(self, context: LossContext) -> None:
        """Draw the linear layer, where there is one."""
        super().__init__()
        self._labels = context.task_kind == "multilabel"
        width = context.width
        self.linear: nn.Linear | None = None
        if context.outputs_kind == "embeddings":
            width = len(context.columns) if self._labels else context.classes
            self.linear = nn.Linear(context.width, width)
        self._one_logit = context.task_kind == "binary" and width == 1

    def forward(self, batch: LossBatch) -> Tensor:
        """See ``Loss.forward``.

        Raises:
            ModelError: there is not a target for each logit of a label.
        """
        logits = batch.outputs if self.linear is None else self.linear(batch.outputs)  # (rows, classes or labels)
        if self._one_logit:
            return binary_cross_entropy_with_logits(logits[:, 0].float(), batch.targets.float())
        if self._labels:
            check_label_shape(logits, batch.targets)
            return binary_cross_entropy_with_logits(logits.float(), batch.targets.float())
        return cross_entropy(logits.float(), batch.targets)
