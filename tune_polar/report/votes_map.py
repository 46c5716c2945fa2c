"""Question 4, k × τ: the detector's macro-F1 over every number of neighbours and share of votes."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from tune_polar.decide.checks import BoolArray
from tune_polar.decide.knn import SweepResult, cross_fit_votes, fixed_votes_score, sweep_ensemble, sweep_votes
from tune_polar.decide.scores import binary_macro_f1
from tune_polar.decide.votes import VoteRule
from tune_polar.report.numbers import decimals_for, fixed, spread
from tune_polar.report.panel import Axis, Panel
from tune_polar.stats.intervals import points
from tune_polar.store.predictions_of import ConfigurationPredictions
from tune_polar.store.record import Array
from tune_polar.store.summary import ConfigurationSummary

# F1 points below the highest value of the map at which the next lighter shade begins, darkest first.
SHADE_POINTS = (0.5, 1.0, 2.0, 3.0, 5.0, 8.0, 12.0, 20.0)
COLUMNS = 24  # of the map; neighbouring k hardly differ
TAU_PERCENT = range(2, 99, 4)


@dataclass(frozen=True)
class MarkRow:
    """One marked setting."""

    mark: str
    what: str
    votes: str
    score: str  # pooled out-of-fold macro-F1 of this very setting


@dataclass(frozen=True)
class VotesMap:
    """The map with its marks in words."""

    missing: str
    figure: str = ""
    sentences: tuple[str, ...] = ()
    rows: tuple[MarkRow, ...] = ()
    shades: tuple[tuple[int, str], ...] = ()  # shade, and what it stands for; darkest first


def votes_map(best: ConfigurationSummary | None) -> VotesMap:
    """The winner's map."""
    if best is None or best.predictions is None or best.outcome is None:
        return VotesMap("Not enough data: no configuration has finished all its folds.")
    predictions = best.predictions
    tables, gold = predictions.detector_tables()
    width = tables[0].shape[1]
    ks = sorted({round(k) for k in np.linspace(1, width, min(COLUMNS, width))})
    grid = sweep_votes(tables, gold, ks, TAU_PERCENT)
    fitted = cross_fit_votes(tables, gold, range(1, width + 1))
    decimals = decimals_for(_fold_noise(fitted.decided, gold))
    decision = best.configuration.recipe.decision
    as_written = VoteRule.of(min(decision.k, width), decision.tau)
    high = grid.best_macro_f1
    panel = Panel(
        "votes-map",
        "Macro-F1 of the detector over k and τ",
        f"Highest {fixed(high, decimals)} at k = {grid.best.k}, τ = {float(grid.best.tau):.2f}; the table after this "
        "figure names every marked setting.",
        Axis(-0.5, len(ks) - 0.5, "k, neighbours that vote", _k_ticks(ks)),
        Axis(0.0, 1.0, "τ, share that decides", tuple((t / 10, f"0.{t}") for t in range(2, 9, 2))),
        width=520,
        height=300,
    )
    _cells(panel, grid, decimals)

    def place(rule: VoteRule) -> tuple[float, float]:
        return float(np.interp(rule.k, ks, range(len(ks)))), float(rule.tau)

    scored = {
        rule: float(sweep_votes_at(predictions, rule)) for rule in {as_written, fitted.pooled_choice, *fitted.chosen}
    }
    for fold, rule in enumerate(fitted.chosen):
        panel.dot(*place(rule), "mark", title=f"chosen for fold {fold} on the other folds: {rule}")
    panel.square(*place(as_written), "mark pub", title=f"as its recipe states: {as_written}")
    panel.diamond(*place(fitted.pooled_choice), "mark win", title=f"chosen on all folds: {fitted.pooled_choice}")
    rows = [
        MarkRow(
            "◆",
            "chosen on all out-of-fold rows; what a final system uses",
            str(fitted.pooled_choice),
            fixed(fitted.pooled_score, decimals),
        ),
        MarkRow("■", "as the configuration's recipe states it", str(as_written), fixed(scored[as_written], decimals)),
        *(
            MarkRow("●", f"for fold {fold}, chosen on the other folds", str(rule), fixed(scored[rule], decimals))
            for fold, rule in enumerate(fitted.chosen)
        ),
    ]
    oracle = _dev_oracle(predictions, ks)
    if oracle is not None:
        panel.triangle(*place(oracle.best), "mark oracle", up=True, title=f"oracle on dev: {oracle.best}")
        value = fixed(sweep_votes_at(predictions, oracle.best), decimals)
        rows.append(
            MarkRow(
                "▲",
                f"oracle of this map: chosen on dev gold, where it scores {fixed(oracle.best_macro_f1, decimals)}",
                str(oracle.best),
                value,
            )
        )
    return VotesMap(
        "",
        panel.svg(),
        _sentences(grid, fitted.score, fitted.pooled_score, decimals),
        tuple(rows),
        _shades(),
    )


def sweep_votes_at(predictions: ConfigurationPredictions, rule: VoteRule) -> float:
    """Pooled out-of-fold macro-F1 of one given (k, τ)."""
    tables, gold = predictions.detector_tables()
    return fixed_votes_score(tables, gold, rule)


def _fold_noise(decided: tuple[BoolArray, ...], gold: list[Array]) -> float:
    return spread([binary_macro_f1(truth, own) for truth, own in zip(gold, decided, strict=True)])


def _k_ticks(ks: list[int]) -> tuple[tuple[float, str], ...]:
    step = max(1, len(ks) // 6)
    return tuple((float(place), str(ks[place])) for place in range(0, len(ks), step))


def _cells(panel: Panel, grid: SweepResult, decimals: int) -> None:
    half = 0.02
    for column, k in enumerate(grid.ks):
        for row, tau in enumerate(grid.taus):
            value = float(grid.macro_f1[column, row])
            below = 100 * (grid.best_macro_f1 - value)
            shade = len(SHADE_POINTS) - sum(below > points for points in SHADE_POINTS)
            panel.cell(
                (column - 0.5, float(tau) - half),
                (column + 0.5, float(tau) + half),
                f"q{shade}",
                f"k={k}, τ={float(tau):.2f}: {fixed(value, decimals)}",
            )


def _dev_oracle(predictions: ConfigurationPredictions, ks: list[int]) -> SweepResult | None:
    tables = predictions.dev("dev_neighbour_labels")
    dev = predictions.gold.dev
    if not tables or dev is None:
        return None
    gold = dev.labels.get(predictions.configuration.recipe.task.target)
    width = min(table.shape[1] for table in tables)
    sizes = [k for k in ks if k <= width]
    return None if gold is None or not sizes else sweep_ensemble([t[:, :width] for t in tables], gold, sizes)


def _sentences(grid: SweepResult, crossed: float, pooled: float, decimals: int) -> tuple[str, ...]:
    near = float((grid.macro_f1 >= grid.best_macro_f1 - 0.01).mean())
    return (
        f"{100 * near:.0f}% of the map lies within one F1 point of its highest value: "
        + ("k and τ hardly matter there." if near >= 0.15 else "k and τ have to be chosen with care."),
        f"The best setting, chosen on the rows it is scored on, has {fixed(pooled, decimals)}; chosen for each fold on "
        f"the other folds {fixed(crossed, decimals)} ({points(crossed - pooled)} points).",
    )


def _shades() -> tuple[tuple[int, str], ...]:
    """Words for each shade, darkest first."""
    last = len(SHADE_POINTS)
    words = [f"within {limit:g}" for limit in SHADE_POINTS]
    return (*((last - place, word) for place, word in enumerate(words)), (0, f"over {SHADE_POINTS[-1]:g}"))
