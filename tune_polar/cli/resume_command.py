"""`tune-polar resume`: go on with a recorded search, or extend a finished one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Annotated, Any

import typer

from tune_polar.cli import options
from tune_polar.cli.data_words import DataWords
from tune_polar.cli.machines import machines_of
from tune_polar.cli.request import check_counts
from tune_polar.cli.stopping import check_for_kind, check_racing, check_racing_for_kind, limits
from tune_polar.data.source import Source, source_from_json
from tune_polar.errors import SpecError, StoreError
from tune_polar.garbage import without_collection
from tune_polar.trial.gpus import DEFAULT_SLOT_GB


def resume(
    store: Annotated[str, typer.Argument(help="The folder, s3:// or gs:// URL with the search's records.")],
    trials: Annotated[
        int | None,
        typer.Option(
            "--trials",
            parser=options.whole_number,
            metavar="N",
            help="A new total of configurations.  [default: as begun]",
        ),
    ] = None,
    time: options.Time = None,
    until: options.Until = None,
    racing: Annotated[
        str | None,
        typer.Option("--racing", metavar="RULE", help="Another racing rule from now on.  [default: as begun]"),
    ] = None,
    data: Annotated[str | None, typer.Option("--data", help="Where the data lies now, if it has moved.")] = None,
    language: Annotated[str | None, typer.Option("--language", help="Language of --data.")] = None,
    text: options.Text = None,
    id_: options.Id = None,
    column: options.Column = None,
    dev: options.Dev = None,
    test: options.Test = None,
    slots: options.Slots = None,
    slot_gb: options.SlotGb = DEFAULT_SLOT_GB,
    address: options.Address = None,
    checkpoint_every: options.CheckpointEvery = 60,
    json: options.Json = False,
    quiet: options.Quiet = False,
    verbose: options.Verbose = False,
) -> None:
    """Go on with a search from its records; what is finished is never trained again.

    Examples:

      tune-polar resume searches/st3-20261122-101500

      tune-polar resume searches/st3-20261122-101500 --trials 20

      tune-polar resume searches/st3-20261122-101500 --time 2h
    """
    stop_at = limits(time, until, trials)
    chosen_rule = check_racing(racing)
    check_counts(trials=trials, slots=slots)
    words = None if data is None else DataWords(data, language, dev, test, text, id_, column or ())
    moved = None if words is None else words.source()
    machines = machines_of(slots, slot_gb, address, checkpoint_every)
    # Imported here: --help and a mistyped option need neither torch nor ray, which take seconds to load.
    with without_collection():
        from tune_polar.cli.drive import Shown, go_on
        from tune_polar.search.recorded_plan import plan_from_manifest
        from tune_polar.store.store import open_store

    opened = open_store(store)
    manifest = opened.manifest()
    source = None if moved is None else _named_as_before(moved, manifest)
    plan = plan_from_manifest(manifest, source, trials, chosen_rule, opened.gold())
    check_for_kind(stop_at, plan.kind)
    begun = opened.count_configurations()
    if trials is not None and trials < begun:
        raise SpecError(
            f"--trials must be at least the {begun} configurations that the search has begun, got {trials}",
            "Leave --trials out to finish what was begun.",
        )
    if trials is None and plan.kind == "search":  # an extended search holds more than its manifest says
        plan = replace(plan, trials=max(plan.trials, begun))
    check_racing_for_kind(chosen_rule, plan.kind)
    go_on(plan, opened, machines, Shown(json, quiet, verbose), stop_at)


def _named_as_before(moved: Source, manifest: Mapping[str, Any]) -> Source:
    """The files where they lie now, their columns named as when the search began unless told otherwise.

    Raises:
        StoreError: the manifest does not describe a search.
    """
    try:
        was = source_from_json(manifest["data"]["source"])
    except (KeyError, TypeError) as error:
        raise StoreError(
            f"manifest.json must describe a search, but: {type(error).__name__} {error}",
            "Give the folder or URL that `tune-polar search` printed as its records.",
        ) from None
    columns = was.columns if moved.kind == was.kind else {}
    return moved.model_copy(update={"columns": {**columns, **moved.columns}})
