"""Racing rules on recorded tables: how much sooner a good configuration is found, and how often the best is lost.

    python benchmarks/race.py                                   # every table at hand, every rule, 200 orders
    python benchmarks/race.py --table benchmarks/tables/st3.parquet --in-fold model --reuse-stages --slots 3
    python benchmarks/race.py --table ../shared/data/smash --rule model --orders 50
    python benchmarks/race.py --heavy                           # also with heavy-tailed noise of folds
    python benchmarks/race.py --rule model --in-fold model --reuse-stages --pause 0.5 # pauses, which no search makes
    python benchmarks/race.py --until-converged                 # what stopping by itself would have cost

Nothing is trained: the search's own core and rules run over a table of configurations × folds with a clock instead of
slots. Each of the random orders is run by every rule and by ``stock``, what Ray Tune with OptunaSearch does with five
folds inside a trial: every configuration whole, one after the other, no stage reused. Reported over the orders:

- folds, seconds: spent until a configuration within half a point of the table's best full score has finished all its
  folds: median, and the ratio stock : rule, order by order (median with its 95% bootstrap interval, 5% and 95%
  quantiles). Seconds are those of all slots together; a fold begun counts as a whole one
- false stops: how often the configuration that is best in the end was given up; lost: how often nothing within half a
  point was ever finished
- regret: points below the table's best when a quarter of stock's folds were spent
- whole: folds spent on the whole table, as a share of stock's

- share of the attainable saving: (1 − 1/ratio)/(1 − 1/foresight's ratio), for targets that are not rarer in one table
  than in another: the best 1, 2, 5 and 10% of configurations, and those within one paired standard error of the best
  (over folds). What a rule can save is bounded by how rare a good configuration is; this says how much of it it saves

Tables named ``heavy`` are the recorded ones with other noise: a fold effect of 3 points, and of each configuration
Student-t noise (3 degrees) with a deviation between 1.5 and 6.4 points, as small sets of real texts have it.

The row ``foresight`` is no rule: it knows each full score after one fold, trains the good configurations whole and
gives all others up. Giving up between folds cannot do better; within them it can.

``--half first`` or ``second`` keeps every other configuration of a table; ``--after 53`` keeps those that the rules'
constants were not chosen on (docs/decisions/0017).
"""

from __future__ import annotations

import argparse
import sys
import time
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import numpy as np
from fold_tables import FoldTable, load_tables
from pausing import PausingClock, PromiseOfPaused
from replay import Order, Run, Stage, foresight, random_orders, replay, stock
from threadpoolctl import threadpool_limits

from tune_polar.search.racing.most_promising import Promise
from tune_polar.search.racing.racing_names import CURVE_RULES, RULES
from tune_polar.search.racing.verdicts import Race

WITHIN = 0.005
ROOT = Path(__file__).resolve().parents[1]
TABLES = (
    ROOT / "benchmarks/tables/st1.parquet",
    ROOT / "benchmarks/tables/st3.parquet",
    ROOT.parent / "shared/data/alphalyrae",
    ROOT.parent / "shared/data/smash",
)


@dataclass(frozen=True)
class Spent:
    """What one replayed search spent until it had something good."""

    folds: float  # infinite: it never had
    seconds: float
    lost_best: bool
    regret: float
    whole: int


def spent(table: FoldTable, run: Run, is_good: np.ndarray | None = None) -> Spent:
    """The measures of one run; ``is_good`` (configurations,) None: within half a point of the best."""
    best = float(table.finals.max())
    wanted = table.finals >= best - WITHIN if is_good is None else is_good
    good = next((m for m in run.finished if wanted[m.row]), None)
    quarter = table.finals.size * table.folds / 4
    had = [float(table.finals[m.row]) for m in run.finished if m.folds <= quarter]
    return Spent(
        folds=np.inf if good is None else good.folds,
        seconds=np.inf if good is None else good.busy_seconds,
        lost_best=int(table.finals.argmax()) in run.given_up,
        regret=best - max(had) if had else np.nan,
        whole=run.folds,
    )


def interval_of_median(values: np.ndarray, rng: np.random.Generator) -> tuple[float, float]:
    """95%, by drawing orders with replacement."""
    drawn = np.median(rng.choice(values, (1000, len(values))), axis=1)
    return float(np.quantile(drawn, 0.025)), float(np.quantile(drawn, 0.975))


def line(name: str, ours: list[Spent], theirs: list[Spent], table: FoldTable) -> str:
    """One rule's row."""
    rng = np.random.default_rng(0)
    folds, seconds = (np.array([getattr(each, key) for each in ours]) for key in ("folds", "seconds"))
    fold_ratio = np.array([each.folds for each in theirs]) / folds
    second_ratio = np.array([each.seconds for each in theirs]) / seconds
    low, high = interval_of_median(fold_ratio, rng)
    later = interval_of_median(second_ratio, rng)
    false, lost = (100 * np.mean(each) for each in ([o.lost_best for o in ours], np.isinf(folds)))
    regret = 100 * np.nanmedian([o.regret for o in ours])
    whole = 100 * np.mean([o.whole for o in ours]) / (table.finals.size * table.folds)
    few, many = np.quantile(fold_ratio, [0.05, 0.95])
    return (
        f"{name:<22}{np.median(folds):>7.0f}{np.median(fold_ratio):>8.2f} [{low:.2f}, {high:.2f}] ({few:.1f} to "
        f"{many:.1f}){np.median(second_ratio):>9.2f} [{later[0]:.2f}, {later[1]:.2f}]{false:>9.1f}%{lost:>6.1f}%"
        f"{regret:>8.2f}{whole:>7.0f}%"
    )


TOP = (1, 2, 5, 10)  # percent of configurations


def targets(table: FoldTable) -> dict[str, np.ndarray]:
    """By name which configurations count as good: (configurations,)."""
    order = np.argsort(-table.finals, kind="stable")
    ranks: np.ndarray = np.argsort(order)
    found = {f"top {share}%": ranks < max(1, round(len(ranks) * share / 100)) for share in TOP}
    differences = table.scores[order[0]][None, :] - table.scores  # (configurations, folds)
    errors = differences.std(axis=1, ddof=1) / np.sqrt(table.folds)
    return {"half a point": table.finals >= table.finals.max() - WITHIN, **found} | {
        "1 paired SE": table.finals >= table.finals.max() - errors
    }


def saving_share(table: FoldTable, runs: list[Run], theirs: list[Run], known: list[Run], good: np.ndarray) -> float:
    """(1 − 1/r)/(1 − 1/r of foresight), r the median ratio of folds stock : rule; NaN: nothing is to be saved."""
    stocks = np.array([spent(table, run, good).folds for run in theirs])
    ours, best = (
        float(np.median(stocks / np.array([spent(table, run, good).folds for run in each]))) for each in (runs, known)
    )
    return (1 - 1 / max(ours, 1e-9)) / (1 - 1 / best) if best > 1 else np.nan


def shares_line(name: str, table: FoldTable, runs: list[Run], theirs: list[Run], known: dict[str, list[Run]]) -> str:
    """One rule's row of the second table."""
    lost = 100 * np.mean([int(table.finals.argmax()) in run.given_up for run in runs])
    shares = [saving_share(table, runs, theirs, known[key], good) for key, good in targets(table).items()]
    return f"{name:<22}" + "".join(f"{share:>14.2f}" for share in shares) + f"{lost:>11.1f}%"


def heavy(table: FoldTable, seed: int) -> FoldTable:
    """The table with a larger fold effect and heavy-tailed noise, of which final scores have their share."""
    rng = np.random.default_rng(seed)
    count, folds = table.scores.shape
    deviation: np.ndarray = np.exp(rng.uniform(np.log(0.015), np.log(0.064), count))
    spread: np.ndarray = (deviation / np.sqrt(3))[:, None]
    noise: np.ndarray = rng.standard_t(3, (count, folds)) * spread
    scores = table.scores.mean(axis=1, keepdims=True) + rng.normal(0, 0.03, (1, folds)) + noise
    finals = table.finals + noise.mean(axis=1)
    return replace(table, name=f"{table.name} heavy", scores=scores, finals=finals, curves=[[[]] * folds] * count)


def race_of(name: str, in_fold: str) -> Race | None:
    """The rule with what ``--in-fold`` asks for."""
    if name == "none":
        return None
    curves = None if in_fold == "none" else CURVE_RULES[in_fold]()
    return Race(RULES[name](), curves, Promise() if name == "model" else None)


def paused(stage: Stage, order: Order, margin: float, arguments: argparse.Namespace) -> Run:
    """The default with pauses."""
    promise = PromiseOfPaused()
    race = Race(RULES["model"](), CURVE_RULES["model"](), promise)
    clock = partial(PausingClock, margin=margin, promise=promise)
    return replay(stage, order, race, slots=arguments.slots, reuse=arguments.reuse_stages, clock=clock)


def compare(table: FoldTable, rules: list[str], orders: list[Order], arguments: argparse.Namespace) -> None:
    """Print one table's rows."""
    stage = Stage(table)
    is_good = table.finals >= table.finals.max() - WITHIN
    good = int(is_good.sum())
    print(f"\n{table.name}: {len(table.finals)} configurations × {table.folds} folds, {good} within half a point")
    print(
        f"{'rule':<22}{'folds':>7}{'ratio of folds':>31}{'ratio of seconds':>21}{'false':>12}{'lost':>7}{'regret':>8}"
        f"{'whole':>8}"
    )
    stocks = [stock(table, order, arguments.slots) for order in orders]
    theirs = [spent(table, run) for run in stocks]
    print(line("stock", theirs, theirs, table))
    by_rule: dict[str, list[Run]] = {}
    known = [foresight(table, order, is_good, reuse=arguments.reuse_stages) for order in orders]
    print(line("foresight", [spent(table, run) for run in known], theirs, table), flush=True)
    for name in rules:
        began = time.perf_counter()
        for in_fold in dict.fromkeys(["none", arguments.in_fold] if name != "none" else ["none"]):
            race = race_of(name, in_fold)
            runs = [replay(stage, o, race, slots=arguments.slots, reuse=arguments.reuse_stages) for o in orders]
            label = name if in_fold == "none" else f"{name} + curves {in_fold}"
            by_rule[label] = runs
            print(line(label, [spent(table, run) for run in runs], theirs, table), flush=True)
        if arguments.times:
            print(f"  {time.perf_counter() - began:.1f} s")
    for margin in arguments.pause or ():
        label = f"model + pause {margin:g}"
        by_rule[label] = [paused(stage, order, margin, arguments) for order in orders]
        print(line(label, [spent(table, run) for run in by_rule[label]], theirs, table), flush=True)
    wanted = targets(table)
    seen = {
        key: [foresight(table, order, good, reuse=arguments.reuse_stages) for order in orders]
        for key, good in wanted.items()
    }
    print(f"{'share of attainable':<22}" + "".join(f"{key:>14}" for key in seen) + f"{'best lost':>12}")
    for label, runs in by_rule.items():
        print(shares_line(label, table, runs, stocks, seen), flush=True)


def until_converged(table: FoldTable, points: list[np.ndarray] | None, orders: list[Order]) -> None:
    """What ``--until converged`` would have cost in score: the best when it would have stopped, against the whole."""
    from tune_polar.search.stopping.convergence import FEWEST_SCORED, LOOK_EVERY
    from tune_polar.search.stopping.regret import cross_validation_error, regret_bound

    if points is None or len(table.finals) <= FEWEST_SCORED:
        print(f"\n{table.name}: --until converged needs points of a space and more than {FEWEST_SCORED} configurations")
        return
    cube = np.array(points)
    stopped, costs = [], []
    for order in orders:
        rows, looked = list(order.rows), 0
        end = len(rows)
        for count in range(FEWEST_SCORED, len(rows) + 1):
            if count < max(looked + 1, looked * (1 + LOOK_EVERY)):
                continue
            looked, seen = count, rows[:count]
            found = regret_bound(cube[seen], table.finals[seen], cube)
            if found.bound < cross_validation_error(table.scores[seen[found.incumbent]], 1 / (table.folds - 1)):
                end = count
                break
        stopped.append(end)
        costs.append(100 * (table.finals.max() - table.finals[rows[:end]].max()))
    early = np.array(stopped) < len(table.finals)
    print(
        f"\n{table.name}: --until converged stops {100 * early.mean():.0f}% of {len(orders)} orders early, after "
        f"{np.median(stopped):.0f} of {len(table.finals)} configurations (median); given up: "
        f"{np.mean(costs):.2f} points on average, 95% of orders at most {np.quantile(costs, 0.95):.2f}"
    )


def main() -> int:
    """Replay and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--table", type=Path, action="append", help="a Parquet file or a folder; repeatable")
    parser.add_argument("--score", help="column of a Parquet file that is raced on")
    parser.add_argument("--rule", choices=list(RULES), action="append")
    parser.add_argument("--slots", type=int, default=1)
    parser.add_argument("--orders", type=int, default=200)
    parser.add_argument("--in-fold", choices=["none", *CURVE_RULES], default="none")
    parser.add_argument("--reuse-stages", action="store_true")
    parser.add_argument("--pause", type=float, action="append", metavar="MARGIN", help="also pause within folds")
    parser.add_argument("--half", choices=["first", "second"])
    parser.add_argument("--after", type=int, default=0, help="leave out a table's first configurations")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--times", action="store_true", help="also print what the replay itself took")
    parser.add_argument("--heavy", action="store_true", help="each table once more with heavy-tailed noise of folds")
    parser.add_argument("--until-converged", action="store_true")
    arguments = parser.parse_args()
    threadpool_limits(1)  # matrices of five rows: threads would only wait for each other
    places = arguments.table or [place for place in TABLES if place.exists()]
    for place in places:
        loaded = load_tables(place, arguments.score)
        if arguments.heavy:
            loaded += [heavy(table, arguments.seed) for table in loaded]
        for whole in loaded:
            table = whole
            if arguments.after:
                later = list(range(arguments.after, len(whole.finals)))
                table = whole.part(later, f"{whole.name}, from number {arguments.after}")
            if arguments.half is not None:
                first = 0 if arguments.half == "first" else 1
                table = table.part(list(range(first, len(table.finals), 2)), f"{table.name}, {arguments.half} half")
            if arguments.until_converged:
                orders = random_orders(table, min(arguments.orders, 20), arguments.seed)
                until_converged(table, table.points, orders)
                continue
            compare(
                table, arguments.rule or list(RULES), random_orders(table, arguments.orders, arguments.seed), arguments
            )
    return 0


if __name__ == "__main__":
    sys.exit(main())
