"""How rows are split into folds."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, ClassVar, Literal

from pydantic import Field, model_validator

from tune_polar.recipe.broken_rules import Breach, RuleBrokenError
from tune_polar.recipe.registry import Component, Registry
from tune_polar.recipe.settings import Name, Names, Seed

FoldCount = Annotated[int, Field(ge=2, le=100)]
COUNT, TOGETHER = "count", "together"  # settings of plans that may be told how many folds, and which rows none parts
HeldOutShare = Annotated[float, Field(gt=0, lt=1, allow_inf_nan=False)]


class Plan(Component):
    """Base: the order of the rows before they are split."""

    copies: ClassVar[str] = "its copies share a fold"  # what becomes of texts that stand twice
    one_for_all: ClassVar[bool] = True  # whether stages that train on unlike rows still have the same folds

    order: Literal["file", "competition"] = Field(
        default="file",
        description="Order of rows before the split: as in the file, or of the competition's files, on which published "
        "splits depend",
    )

    @model_validator(mode="before")
    @classmethod
    def _parts_nothing_in_silence(cls, said: object) -> object:
        """Refuse columns to keep together, from the plan whose place this one took, where this one would part them."""
        if not isinstance(said, Mapping) or TOGETHER not in said or TOGETHER in cls.model_fields:
            return said
        if said[TOGETHER]:
            rule = f"must be [] with the plan {cls.name}, which parts rows of one value; stratified and holdout do not"
            raise RuleBrokenError(Breach((TOGETHER,), rule, said[TOGETHER]))
        return {key: value for key, value in said.items() if key != TOGETHER}

    @property
    def group_column(self) -> tuple[str, str] | None:
        """The field that names a column of groups, and the name."""
        return None

    @property
    def known_count(self) -> int | None:
        """Number of folds; None: the data alone say it."""
        return None

    @property
    def kept_together(self) -> tuple[str, ...]:
        """Columns whose values are alike in rows that belong together, so that no fold parts them."""
        return ()


PLANS: Registry[Plan] = Registry("fold plan", tag="plan", lasting=(TOGETHER,))


@PLANS.register("stratified")
class Stratified(Plan):
    """One split for all stages, with like shares of every label in each fold."""

    count: FoldCount = Field(
        default=5, description="Number of folds; each validates on the rows that the others train on"
    )
    seed: Seed = Field(default=42, description="Of the split into folds")
    together: Names = Field(
        default=(), description="Columns: rows that share a value of one of them never straddle folds"
    )

    @property
    def known_count(self) -> int:
        """As stated."""
        return self.count

    @property
    def kept_together(self) -> tuple[str, ...]:
        """As stated."""
        return self.together


@PLANS.register("paper")
class Paper(Plan):
    """The published system's splits, one for all rows and one for the rows that a later stage trains on."""

    copies = "the published folds may part its copies"
    one_for_all = False

    count: FoldCount = Field(
        default=5, description="Number of folds; each validates on the rows that the others train on"
    )
    seed: Seed = Field(default=42, description="Of the split into folds")

    @property
    def known_count(self) -> int:
        """As stated."""
        return self.count


@PLANS.register("holdout")
class Holdout(Plan):
    """One split: a share of the rows validates, all others train."""

    share: HeldOutShare = Field(default=0.2, description="Share of the rows that validate")
    seed: Seed = Field(default=42, description="Of the split")
    together: Names = Field(default=(), description="Columns: rows that share a value of one of them are not parted")

    @property
    def known_count(self) -> int:
        """One."""
        return 1

    @property
    def kept_together(self) -> tuple[str, ...]:
        """As stated."""
        return self.together


@PLANS.register("given")
class Given(Plan):
    """One split as a column of the data says."""

    copies = "where one is validated the others do not train"

    column: Name = Field(default="split", description="Column that says of each row whether it trains or validates")


@PLANS.register("leave_groups_out")
class LeaveGroupsOut(Plan):
    """Whole groups validate, with a share of all others (Zhegu)."""

    copies = "where one is validated the others do not train"

    by: Name = Field(description="Column of data.groups whose values are held out")
    held_out: Annotated[int, Field(ge=1, le=100)] = Field(default=1, description="Groups held out at once")
    draws: Annotated[int, Field(ge=1, le=100)] | None = Field(
        default=None, description="So many of the possible choices of groups; null: all of them"
    )
    share: HeldOutShare = Field(default=0.2, description="Share of the other groups' rows that validate too")
    seed: Seed = Field(default=42, description="Of what is drawn")

    @property
    def group_column(self) -> tuple[str, str] | None:
        """The column whose values are held out."""
        return "by", self.by

    @property
    def known_count(self) -> int | None:
        """As many as are drawn."""
        return self.draws
