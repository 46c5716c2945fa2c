"""`tune-polar merge`: searches run on machines that never met, as one."""

from __future__ import annotations

from typing import Annotated

import typer

from tune_polar.api.count_checks import positive
from tune_polar.api.pages import PAGE, copy_beside_records, page_folder
from tune_polar.api.winner_files import write_ensemble, write_narrowed, write_winner
from tune_polar.cli import options
from tune_polar.cli.output import say, waiting
from tune_polar.evaluate.configuration_scores import copy_own_scores
from tune_polar.evaluate.manifest_facts import manifest_facts
from tune_polar.evaluate.summary import summarise, wanted_weights
from tune_polar.report.numbers import count
from tune_polar.report.page_context import PageContext
from tune_polar.report.reading import summary_for_page
from tune_polar.store.lease import held_lease
from tune_polar.store.merge import MergedModels, merge_models, merge_weights, merged_manifest
from tune_polar.store.merge import merge as merge_stores
from tune_polar.store.store import Store, open_store


def merge(
    stores: Annotated[
        list[str], typer.Argument(help="The searches' folders, s3:// or gs:// URLs; they are only read.")
    ],
    out: Annotated[str, typer.Option("-o", "--out", help="Folder, s3:// or gs:// URL of the merged search.")],
    keep_weights: options.KeepWeights = 1,
    anonymous: Annotated[
        bool,
        typer.Option(
            "--anonymous", help="Leave out paths, command lines, host names and what errors said: a store to share."
        ),
    ] = False,
) -> None:
    """Put searches of one recipe on the same data together: every record of each, once.

    Weights are copied of the best configurations and of what open ones have trained so far, and
    models that `fit` has made with theirs (no such models with --anonymous or --keep-weights 0).

    The order does not matter, and merging again adds what is new. Winner, ensemble and
    narrower space are those of all together. Go on with the merged search by `tune-polar resume`.

    Example:

      tune-polar merge searches/laptop searches/desk -o searches/both

      tune-polar merge searches/laptop -o to-share --anonymous
    """
    positive(keep_weights, "--keep-weights", at_least=0)
    sources = [open_store(place, to_look=True) for place in stores]
    for source in sources:
        manifest_facts(source.manifest(), source.url)  # each describes a search
    merged_manifest({source.url: source.manifest() for source in sources})  # before the target is touched
    target = open_store(out)
    with held_lease(target.files, lambda: None, named=not anonymous):
        done = merge_stores(sources, target, anonymous=anonymous)
        copy_own_scores(sources, target)
        wanted = wanted_weights(summarise(target, "scores"), keep_weights)
        weights = merge_weights(sources, target, wanted, anonymous=anonymous)
        models = MergedModels(0, ()) if anonymous or keep_weights == 0 else merge_models(sources, target)
    _write_results(target)
    left_out = f", {done.damaged} damaged left out" if done.damaged else ""
    added = f", weights of {count(weights, 'stage')} added" if weights else ""
    added += f", {count(models.copied, 'fitted model')} added" if models.copied else ""
    if models.left_out:
        lost = count(len(models.left_out), "fitted model")
        added += f", {lost} left out for want of weights ({', '.join(models.left_out)})"
    say(
        f"{target.url}: {count(done.searches, 'search', 'searches')}, {count(done.copied, 'record')} added, "
        f"{count(done.replicates, 'replicate')} kept{left_out}{added}"
    )


def _write_results(target: Store) -> None:
    """Winner, ensemble and narrower space of all together, as the end of a search leaves them."""
    summary, folder = summary_for_page(target, told=waiting()), page_folder(target)
    written = (
        write_winner(summary, folder),
        write_ensemble(summary, folder),
        write_narrowed(PageContext(summary), folder / PAGE),
    )
    copy_beside_records(target, [path for path in written if path is not None])
