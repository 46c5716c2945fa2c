"""Writes docs/settings.md from the recipe's models: `python -m tests.shipped.settings_page > docs/settings.md`."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from itertools import groupby

from tune_polar.decide.choose_thresholds import THRESHOLD_RULES
from tune_polar.recipe.components import BATCHES, DECISIONS, HEADS, LOSSES, METRICS, PLANS, TASKS
from tune_polar.recipe.components.adapters import ADAPTERS
from tune_polar.recipe.keys import OTHER_NAMES
from tune_polar.recipe.registry import Registry
from tune_polar.recipe.settings_table import STAGE, SettingRow, setting_rows

HEAD = """\
# Settings

Every key of a recipe, as `--set KEY=VALUE`, `changes:` and search spaces name it. Kinds, ranges and defaults are the
models' own: `python -m tests.shipped.settings_page > docs/settings.md` writes this page from them, and a test compares.
`—` as default: the recipe says it, or its task does. `tune-polar list RECIPE --meanings` shows a recipe's values beside
their meanings, `tune-polar schema recipe` gives the same rules to an editor. Symbols are those of the papers:
AlphaLyrae's for ξ, ε, k and τ, SoftTriple (Qian et al. 2019) for λ, γ, δ and K, Asymmetric Loss (Ridnik et al. 2021)
for γ−, γ+ and m.

`STAGE` stands for the name of a stage (`detector.optimizer.lr`), `NAME` for that of a decision (`decide.vote.k`).
A key ends in a column's name where a setting may have one value a column
(`classifier.losses.asymmetric.gamma_negative.stereotype`). Parts that leave no doubt may be left out: `lr` in a recipe
of one stage. A word may stand for a section: `model.head=mlp`, `encoder=tiny`. Keys marked ○ cost no training: a search
chooses them for every configuration on stored predictions.

A recipe file also has `extends` (the recipe it begins with), `changes` (keys of it that differ), `profiles` (values for
kinds of encoders), `ablations` (each a `title` and `changes` that no other makes), and under `stages`, `like: OTHER`
(begin as a copy of that stage). With the embedded encoder (`encoder: tiny`), which begins untrained, other defaults
hold where a recipe says nothing: pooling mean, hidden 64, lr 2e-3, at most 5 epochs, batches of 32. Without `decide`, a
yes/no task is decided by a threshold of the rule `smoothed_max_macro_f1`, labels by `smoothed_max_f1`, classes by the
highest probability. `list` shows what holds. How a search space is written: CONTRIBUTING.md, "A search space".
"""
SECTIONS = {
    "recipe": ("The recipe itself", "Its words, and how often each fold is trained."),
    "data": ("data", "What the columns of the data are."),
    "folds": ("folds", "How rows are split."),
    "encoder": ("encoder", "What turns a text into vectors. A stage may have its own: `STAGE.encoder.pooling`."),
    "stage": ("stages", "A named part that trains."),
    "task": ("STAGE.task", "What a stage learns to say of a row."),
    "head": ("STAGE.head", "What stands on the encoder."),
    "losses": ("STAGE.losses", "What training minimises: the weighted sum of the losses named."),
    "batches": ("STAGE.batches", "Which rows make up one step."),
    "optimizer": ("STAGE.optimizer", "AdamW, its schedule, and when training ends."),
    "decide": ("decide", "Named steps from stages' tables to labels and values."),
    "score": ("score", "What a search maximises, or minimises where smaller is better."),
    "report": ("report", "What the page tells apart."),
    "submission": ("submission", "The file that a competition wants, which `tune-polar submit` writes."),
}
REGISTRIES: tuple[Registry[object], ...] = (TASKS, HEADS, LOSSES, BATCHES, PLANS, DECISIONS, ADAPTERS)  # type: ignore[assignment]
COLUMNS = ("key", "meaning", "kind", "range", "default")


def settings_page() -> str:
    """The whole page."""
    rows = sorted(setting_rows(), key=lambda row: list(SECTIONS).index(section_of(row)))
    lines = [HEAD.rstrip()]
    for section, held in groupby(rows, section_of):
        title, about = SECTIONS[section]
        lines += ["", f"## {title}", "", about]
        for component, some in groupby(held, lambda row: row.component):
            lines += ["", *_component_head(component), *table(list(some))]
            if component == "decision threshold":
                lines += ["", *_rules()]
        if section == "score":
            lines += ["", *_metrics()]
    lines += [
        "",
        "## Other names",
        "",
        "What other tools call a key; `--set` names the right one.",
        "",
        *_other_names(),
    ]
    return "\n".join(lines) + "\n"


def section_of(row: SettingRow) -> str:
    """Which part of the page a row belongs to."""
    first, _, rest = row.key.partition(".")
    if first == STAGE:
        second = rest.partition(".")[0]
        return second if second in SECTIONS else "stage"
    return first if first in SECTIONS else "recipe"


def table(rows: list[SettingRow]) -> Iterator[str]:
    """Markdown, a row a setting."""
    yield f"| {' | '.join(COLUMNS)} |"
    yield f"|{' --- |' * len(COLUMNS)}"
    for row in rows:
        free = " ○" if row.is_free else ""
        cells = (f"`{row.key}`{free}", row.meaning, row.kind, row.range, row.default)
        yield f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in cells)} |"


def _component_head(component: str) -> list[str]:
    if not component:
        return []
    kind = next(
        registry[name] for registry in REGISTRIES for name in registry if f"{registry.word} {name}" == component
    )
    word, _, name = component.rpartition(" ")
    said = (kind.__doc__ or "").strip().split("\n")[0]  # type: ignore[attr-defined]
    return [f"### {word} `{name}`", "", said, ""]


def _metrics() -> Iterator[str]:
    yield "| metric | meaning | scores | keeps weights |"
    yield "| --- | --- | --- | --- |"
    for name, metric in METRICS.items():
        kept = metric.golds if metric.kept_golds is None else metric.kept_golds
        yield f"| `{name}` | {metric.meaning} | {_golds(metric.golds)} | {_golds(kept)} |"


def _rules() -> Iterator[str]:
    yield "| rule | takes the threshold of |"
    yield "| --- | --- |"
    for name, rule in THRESHOLD_RULES.items():
        yield f"| `{name}` | {rule.summary.replace('|', chr(92) + '|')} |"


def _golds(golds: frozenset[str]) -> str:
    return ", ".join(sorted(golds)) or "—"


def _other_names() -> Iterator[str]:
    yield "| elsewhere | here |"
    yield "| --- | --- |"
    yield from (f"| `{other}` | `{ours}` |" for other, ours in OTHER_NAMES.items())


if __name__ == "__main__":
    sys.stdout.write(settings_page())
