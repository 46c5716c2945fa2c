"""What training minimises: a weighted sum of the losses a stage names."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, ClassVar, Literal

from pydantic import Field

from tune_polar.recipe.components.heads import Gives
from tune_polar.recipe.components.tasks import GoldKind
from tune_polar.recipe.registry import Component, Registry
from tune_polar.recipe.settings import Count, Focus, Name, RateOrZero, Temperature, Weight
from tune_polar.recipe.value_per_column import Each

# Whose vectors a loss reads beside the rows': of each row's positive text, of its cluster's middle row, or of whichever
# of them the batches bring.
Positives = Literal["text", "cluster", "either"] | None


class Loss(Component):
    """Base: which tasks it can learn, and from what kind of head."""

    golds: ClassVar[frozenset[GoldKind]]
    heads: ClassVar[frozenset[Gives]] = frozenset({"outputs"})
    reads_groups: ClassVar[bool] = False  # the first column of data.groups
    farthest: ClassVar[float | None] = None  # from 0 that a number to be learned may lie; predictions begin near 0

    weight: Weight = Field(default=1.0, description="Factor of this loss in the sum of all")

    @property
    def positives(self) -> Positives:
        """Which positives it reads; None: the rows alone."""
        return None

    def parameter_count(self, gives: Gives, width: int, classes: int) -> int:  # noqa: ARG002 (most have none)
        """Its own weights, on a head that gives so many numbers a row, for so many classes or labels."""
        return 0


LOSSES: Registry[Loss] = Registry("loss")


@LOSSES.register("cross_entropy")
class CrossEntropy(Loss):
    """−log p of the gold class; with labels, of each label on its own. On vectors: of a linear layer on them."""

    golds = frozenset({"binary", "labels", "class"})
    heads = frozenset({"outputs", "embeddings"})

    def parameter_count(self, gives: Gives, width: int, classes: int) -> int:
        """Those of the linear layer."""
        return width * classes + classes if gives == "embeddings" else 0


@LOSSES.register("asymmetric")
class Asymmetric(Loss):
    """Asymmetric Loss (Ridnik et al. 2021): focal weights of their own for gold and other labels."""

    golds = frozenset({"binary", "labels"})

    gamma_negative: Annotated[Mapping[Name, Focus] | Focus, Each(Focus)] = Field(
        default=4.0,
        description="γ−, focus on hard negatives: p^γ− weighs a negative of probability p; 0: all alike",
    )
    gamma_positive: Focus = Field(
        default=1.0, description="γ+, focus on hard positives: (1−p)^γ+ weighs a positive; 0: all alike"
    )
    clip: Annotated[float, Field(ge=0, lt=1, allow_inf_nan=False)] = Field(
        default=0.05,
        description="m: probabilities of negatives are lowered by it first, so that easy ones count nothing",
    )
    reduction: Literal["sum", "mean"] = Field(default="sum", description="Over rows and labels")


@LOSSES.register("soft_triple")
class SoftTriple(Loss):
    """SoftTriple (Qian et al. 2019): metric learning over several centers a class."""

    golds = frozenset({"binary", "class"})
    heads = frozenset({"embeddings"})

    centers: Annotated[int, Field(ge=1, le=200)] = Field(default=10, description="Centers of each class")
    centers_lr: RateOrZero = Field(
        default=1e-2, description="Learning rate of the centers; 0: they keep their random start"
    )
    la: Annotated[float, Field(gt=0, le=1000, allow_inf_nan=False)] = Field(
        default=20.0, description="λ, scale of the similarities in the softmax over classes"
    )
    gamma: Annotated[float, Field(gt=0, le=100, allow_inf_nan=False)] = Field(
        default=0.1,
        description="γ, temperature of the softmax over a class's centers: small values look at the nearest alone",
    )
    margin: Annotated[float, Field(ge=0, le=2, allow_inf_nan=False)] = Field(
        default=0.01, description="δ, how much nearer its own class a row must be than any other"
    )

    def parameter_count(self, gives: Gives, width: int, classes: int) -> int:  # noqa: ARG002 (it stands on vectors)
        """Its centers."""
        return width * classes * self.centers


@LOSSES.register("mse")
class Mse(Loss):
    """Mean squared error."""

    golds = frozenset({"number"})


@LOSSES.register("huber")
class Huber(Loss):
    """Squared error up to ``delta``, absolute error beyond it."""

    golds = frozenset({"number"})

    delta: Annotated[float, Field(gt=0, le=1000, allow_inf_nan=False)] = Field(
        default=1.0, description="Errors beyond it count linearly"
    )


@LOSSES.register("epm")
class Epm(Loss):
    """Squared error times e^|error| (Zhegu): of numbers within 20 of 0."""

    golds = frozenset({"number"})
    farthest = 20.0  # e^20 of an error is about what 32 bits bear in a sum of squares


@LOSSES.register("language_contrast")
class LanguageContrast(Loss):
    """Draws vectors of one language together and those of others apart, by Kullback-Leibler divergence (Zhegu)."""

    golds = frozenset({"number", "binary", "labels", "class"})
    reads_groups = True

    temperature: Temperature = Field(default=0.2, description="τ, by which divergences are divided")
    form: Literal["negated_kl", "flipped_sign", "as_printed"] = Field(
        default="negated_kl",
        description="Which reading of the paper's equation 9: KL as a distance, the outer sign turned, or as printed, "
        "which rewards divergence within a language",
    )


@LOSSES.register("triplet")
class Triplet(Loss):
    """Nearer to its positive than to a negative, by a margin (Schroff et al. 2015; ImpSH)."""

    golds = frozenset({"binary", "class"})
    heads = frozenset({"outputs", "embeddings"})
    only_with: ClassVar = {"beta": ("reduction", ("softmax",))}

    margin: Annotated[float, Field(ge=0, le=2, allow_inf_nan=False)] = Field(
        default=0.3, description="How much nearer the positive must be"
    )
    distance: Literal["cosine", "euclidean"] = Field(
        default="cosine", description="Between two texts' vectors, each of length 1: 1 − cos, or the straight line"
    )
    positive: Literal["text", "class"] = Field(
        default="text", description="The row's own positive text, or a row of its class by chance"
    )
    negative: Literal["random", "hard", "semi_hard", "semi_hard_or_hardest"] = Field(
        default="semi_hard",
        description="Which row of another class a row is held against: any by chance; the nearest; the nearest beyond "
        "the positive, within the margin; or that, and the nearest where no row of the batch has one",
    )
    reduction: Literal["mean", "sum", "softmax"] = Field(default="mean", description="Over the rows that count")
    beta: Annotated[float, Field(gt=0, le=100, allow_inf_nan=False)] = Field(
        default=5.0, description="β of the softmax reduction: larger ones look at the worst rows alone"
    )

    @property
    def positives(self) -> Positives:
        """See ``Loss.positives``."""
        return "text" if self.positive == "text" else None


class _Contrastive(Loss):
    version: ClassVar[int] = 2
    golds = frozenset({"binary", "class"})
    heads = frozenset({"outputs", "embeddings"})

    temperature: Temperature = Field(default=0.3, description="τ, by which similarities are divided")


@LOSSES.register("sup_con")
class SupCon(_Contrastive):
    """Supervised contrastive loss: all rows of a class are positives, their own positive texts too (Gunel 2021)."""

    @property
    def positives(self) -> Positives:
        """See ``Loss.positives``."""
        return "either"


@LOSSES.register("imp_con")
class ImpCon(_Contrastive):
    """Contrastive loss of each row and its own positive text (ImpCon, Kim et al. 2022)."""

    @property
    def positives(self) -> Positives:
        """See ``Loss.positives``."""
        return "text"


@LOSSES.register("shared_con")
class SharedCon(_Contrastive):
    """Contrastive loss with the middle row of the row's cluster as its positive text (SharedCon, Ahn et al. 2024)."""

    clusters: Count = Field(default=25, description="Clusters of each class whose middle row is the positive text")
    encoder: Name | None = Field(
        default=None,
        description="Clusters are of this frozen encoder's vectors, a hub id or a folder; null: of the stage's own "
        "before training",
    )
    revision: Name | None = Field(
        default=None, description="Commit of that hub encoder; null: the newest, to which a search then keeps"
    )

    @property
    def positives(self) -> Positives:
        """See ``Loss.positives``."""
        return "cluster"
