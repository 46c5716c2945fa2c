"""All components that a recipe may name. Importing this package registers them."""

from tune_polar.recipe.components.batches import BATCHES, Batches
from tune_polar.recipe.components.decisions import DECISIONS, Decision
from tune_polar.recipe.components.heads import HEADS, Head
from tune_polar.recipe.components.losses import LOSSES, Loss
from tune_polar.recipe.components.metrics import METRICS
from tune_polar.recipe.components.plans import PLANS, Plan
from tune_polar.recipe.components.tasks import TASKS, Task

__all__ = [
    "BATCHES",
    "DECISIONS",
    "HEADS",
    "LOSSES",
    "METRICS",
    "PLANS",
    "TASKS",
    "Batches",
    "Decision",
    "Head",
    "Loss",
    "Plan",
    "Task",
]
