"""The card of an ensemble's model: what it decides, and what it is worth in the page's own figures."""

from __future__ import annotations

from tune_polar.evaluate.ensemble_file import EnsembleFile
from tune_polar.evaluate.search_ensembles import ensembles_of
from tune_polar.evaluate.summary import SearchSummary
from tune_polar.report.document import Document, DocumentSection, TextTable, markdown
from tune_polar.report.ensemble_words import ensemble_remarks, ensemble_sentences, ensemble_table, recorded_sentence
from tune_polar.report.model_card import CHOSEN, LICENCE, CardFacts, came_from, use
from tune_polar.report.page_context import PageContext
from tune_polar.report.words import CellWords, score_words, seen_notes
from tune_polar.stats.ensemble_report import EnsembleReport


def ensemble_card(summary: SearchSummary, file: EnsembleFile, facts: CardFacts) -> str:
    """README.md of an ensemble's folder.

    Args:
        summary: of the search, its outcomes read.
        file: the ensemble.
        facts: about the folder.
    """
    decides = tuple(f"{name}: {_setting(step)}" for name, step in file.decide.items())
    rows = [(each.configuration, f"{each.weight:.1%}", str(len(each.cells))) for each in file.members]
    members = TextTable("Members, chosen on all out-of-fold rows", ("configuration", "weight", "models"), rows)
    came = came_from(summary, f"Ensemble of configurations of a search of recipe {file.ensemble}", facts)
    sections = (
        _worth(summary, file),
        DocumentSection("What it decides", (), (members,), (*decides, CHOSEN)),
        DocumentSection("How to use it", use(facts, CellWords(summary.cells))),
        DocumentSection("Where it comes from", remarks=came),
    )
    return LICENCE + markdown(Document(file.ensemble, sections))


def _worth(summary: SearchSummary, file: EnsembleFile) -> DocumentSection:
    """As the page says it where the records still give this ensemble; else as the file does."""
    scored, report = f"Scored is the {score_words(summary.recipe)}.", ensembles_of(summary)
    if isinstance(report, EnsembleReport) and _is_same(report, file):
        name = PageContext(summary).index.names_by_id
        return DocumentSection(
            "What it is worth",
            (scored, *ensemble_sentences(report, name)),
            (ensemble_table(report, name),),
            ensemble_remarks(report),
        )
    notes = seen_notes(row for row in summary.finished if row.configuration.id == file.score.configuration)
    return DocumentSection("What it is worth", (scored, f"An {recorded_sentence(file, summary)}.", *notes))


def _is_same(report: EnsembleReport, file: EnsembleFile) -> bool:
    found = [(report.names[place], weight) for place, weight in report.greedy.members]
    return found == [(each.configuration, each.weight) for each in file.members]


def _setting(step: dict[str, object]) -> str:
    return ", ".join(f"{key} {value}" for key, value in step.items())
