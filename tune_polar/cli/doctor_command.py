"""`tune-polar doctor`: what this machine offers, what a fold will need, and what is missing."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Annotated

import typer

from tune_polar.api.consoles import result_console
from tune_polar.api.count_checks import check_counts
from tune_polar.api.machines import check_slot_gb, check_weights
from tune_polar.api.search_request import asked
from tune_polar.cli import options
from tune_polar.cli.doctor_try import Tried, tryout_of
from tune_polar.cli.exit_codes import TO_MEND
from tune_polar.cli.option_groups import DataGroup, RecipeGroup, with_groups
from tune_polar.cli.output import say_json
from tune_polar.data.findings import FINDINGS_IN_AN_ERROR
from tune_polar.data.source import SAMPLE
from tune_polar.report.numbers import count
from tune_polar.search.resources.diagnosis import Diagnosis, Node, Planned, diagnose, with_data
from tune_polar.search.resources.encoder_sizes import EncoderSizes
from tune_polar.trial.gpus import DEFAULT_SLOT_GB

_PRECISIONS = {
    "bf16": "bf16",
    "fp16": "fp16 with loss scaling (it has no bf16)",
    "fp32": "fp32 (16 bits are slower on it)",
}


@dataclass(frozen=True)
class OwnRecipeGroup(RecipeGroup):
    """A shipped recipe, too, is for the encoder that it names."""

    encoder: Annotated[
        str | None, typer.Option("--encoder", help="`tiny`, a hub id or a folder.  [default: the recipe's own]")
    ] = None


@with_groups
def doctor(
    *,
    recipe: Annotated[str, typer.Argument(help="A shipped recipe or the path of a recipe file.")] = "st3",
    of_recipe: OwnRecipeGroup,
    slots: options.Slots = None,
    slot_gb: options.SlotGb = DEFAULT_SLOT_GB,
    address: Annotated[
        str | None, typer.Option("--address", help="HOST:PORT of a running Ray cluster, or auto: list its nodes too.")
    ] = None,
    store: Annotated[str, typer.Option("--store", help="Where records would go.")] = "searches",
    try_: Annotated[
        bool, typer.Option("--try", help="Train two steps of every stage in one slot, and measure them.")
    ] = False,
    rows: DataGroup,
    trials: Annotated[
        int,
        typer.Option("--trials", parser=options.whole_number, metavar="N", help="Configurations whose hours are told."),
    ] = 50,
    keep_weights: options.KeepWeights = 1,
    disk_gb: options.DiskGb = None,
    json: options.Json = False,
) -> None:
    """Show this machine's GPUs, memory and slots, what a fold needs of them, and what is missing for a real run.

    Memory and disk are counted; hours come from earlier records at --store, where there are any. `--try` measures
    memory and speed: two steps of every stage on the longest rows of the data, in a process of its own that is held to
    one slot, with an evaluation and a checkpoint; an encoder that is not on this machine and cannot be downloaded gets
    random weights of its size. What it prints belongs into an error report.

    Examples:

      tune-polar doctor

      tune-polar doctor st1 --encoder tiny

      tune-polar doctor st3 --set detector.batches.size=48 --slot-gb 6

      tune-polar doctor st3 --try --data polar/ --language zho
    """
    check_counts(slots=slots, trials=trials, folds=of_recipe.folds)
    check_slot_gb(slot_gb)
    check_weights(keep_weights, disk_gb)
    what = asked(of_recipe.words(recipe), rows.words(), own_encoder=True, only_looks=not try_)
    planned = Planned(trials, keep_weights, disk_gb)
    found = diagnose(what.loaded.recipe, store, slot_gb, slots, planned)
    if rows.data != SAMPLE:
        found = with_data(found, what.loaded.recipe, what.source, store, planned)
    nodes = [] if address is None else _nodes(address)
    tried = Tried(tryout_of(what, found, store, slot_gb), found.node.slots, trials) if try_ else None
    if json:
        about = asdict(found) | {"ready": not found.missing, "cluster": nodes}
        say_json(about if tried is None else about | {"tried": tried.as_json()})
    else:
        lines = (*_lines(found, slot_gb), *_cluster_lines(nodes), _needs_line(found, trials), *_doubts(found))
        console = result_console()
        for line in (*lines, *_missing_lines(found)):
            console.print(line, soft_wrap=True)
        for line in () if tried is None else tried.lines():  # each as soon as it is known
            console.print(line, soft_wrap=True)
    if tried is not None and tried.failed:
        raise typer.Exit(TO_MEND)


def _nodes(address: str) -> list[dict[str, object]]:
    # Imported here: Ray takes seconds to load and to join.
    from tune_polar.search.ray.ray_environment import set_environment

    set_environment(cluster=True)
    from tune_polar.search.ray.ray_session import joined_cluster
    from tune_polar.search.resources.slots import nodes_of_cluster

    with joined_cluster(address):
        return nodes_of_cluster()


def _lines(found: Diagnosis, slot_gb: float) -> list[str]:
    return [
        *_machine_lines(found.node, slot_gb),
        f"join       {found.node.ray_start}",
        f"recipe     {found.recipe}",
        *(f"encoder    {each.name}: {_parameters(each)}" for each in found.encoders),
        *(
            f"{each.stage:<10} {each.precision}, batch {each.batch_rows} needs {each.whole_gb:.2f} GB at once; "
            f"a slot offers {each.slot_gb:.2f} GB: {each.planned}, {each.planned_gb:.2f} GB"
            + ("" if each.fits else ": does not fit")
            for each in found.stages
        ),
    ]


def _machine_lines(node: Node, slot_gb: float) -> list[str]:
    memory = "" if node.memory_gb is None else f", {node.memory_gb:.0f} GB of memory"
    lines = [f"machine    {node.name}: {node.cores} cores{memory}"]
    lines += [
        f"GPU {gpu.device:<6} {gpu.name}, {gpu.total_gb:.1f} GB, {_PRECISIONS[gpu.bits]}: "
        f"{node.devices.count(gpu.device)} slots"
        for gpu in node.gpus
    ]
    if node.gpus and node.gpu_problem is not None:
        lines.append(f"left out   {node.gpu_problem[0]}\n           Remedy: {node.gpu_problem[1]}")
    if node.gpus:
        return [*lines, f"slots      {node.slots} of {slot_gb:g} GB, {node.threads} threads each"]
    return [*lines, "GPU        none", f"slots      {node.slots} on the CPU, {node.threads} threads each"]


def _needs_line(found: Diagnosis, trials: int) -> str:
    folds = "1 fold (the data say how many there are)" if found.folds is None else count(found.folds, "fold")
    return f"needs      {count(trials, 'configuration')} × {folds}: {'; '.join(found.needs.words())}"


def _doubts(found: Diagnosis) -> list[str]:
    lines = [f"warning    {each}" for each in found.doubtful[:FINDINGS_IN_AN_ERROR]]
    more = len(found.doubtful) - len(lines)
    return [*lines, f"           and {more} more: `tune-polar data check` lists every one"] if more else lines


def _parameters(found: EncoderSizes) -> str:
    if found.parameters is None:
        return f"sizes unknown ({found.sizes_from})"
    return f"{found.parameters / 1e6:.1f} million parameters, sizes from {found.sizes_from}"


def _cluster_lines(nodes: list[dict[str, object]]) -> list[str]:
    gpu = any(node["gpu_slots"] for node in nodes)
    return [f"node       {node['name']}: {node['gpu_slots' if gpu else 'cpu_slots']} slots" for node in nodes]


def _missing_lines(found: Diagnosis) -> list[str]:
    lines = [f"missing    {each.what}\n           Remedy: {each.remedy}" for each in found.missing]
    return lines or ["missing    nothing"]
