"""The card of a model: what it decides, and what it is worth in the page's own figures."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from tune_polar.evaluate.outcome import Outcome
from tune_polar.evaluate.summary import ConfigurationSummary, SearchSummary
from tune_polar.report.correction import foretold_sentences, worth_sentences
from tune_polar.report.document import Document, DocumentSection, markdown
from tune_polar.report.ladder import score_ladder
from tune_polar.report.page_context import PageContext
from tune_polar.report.words import CellWords, decision_words, score_words, seen_notes

LICENCE = "---\nlicense: \npipeline_tag: text-classification\ntags: [tune-polar]\n---\n\n"
NOT_CHOSEN = (
    "It is not the winner of its search: these figures are of itself alone, and owe nothing to having been the best."
)
CHOSEN = "Chosen on all out-of-fold rows; decision.json has every digit, and each score’s protocol."


@dataclass(frozen=True)
class CardFacts:
    """What a card says beside the records.

    Args:
        models: one a cell, or 1.
        all_rows: whether the one model was trained on all rows.
        opens_alone: places that ``AutoModelForSequenceClassification`` opens.
        others: places with an encoder and a head of its own.
        encoders: ids of the hub, or words for a folder; never a path.
        embedded: whether the encoder is the embedded one, which has no tokenizer of transformers.
        version: of tune-polar.
        members: configurations of an ensemble; 0: it is none.
    """

    models: int
    all_rows: bool
    opens_alone: Sequence[str]
    others: Sequence[str]
    encoders: Sequence[str]
    embedded: bool
    version: str
    members: int = 0


def model_card(summary: SearchSummary, row: ConfigurationSummary, outcome: Outcome, facts: CardFacts) -> str:
    """README.md of a model's folder.

    Args:
        summary: of the search, its outcomes read.
        row: the configuration that the model is of.
        outcome: of the configuration.
        facts: about the folder.
    """
    is_winner = summary.best is not None and summary.best.configuration.id == row.configuration.id
    about = summary if is_winner else replace(summary, configurations=(replace(row, outcome=outcome),))
    page = PageContext(about)
    ladder, recipe = score_ladder(page, outcome, is_winner=is_winner), row.configuration.recipe
    used = outcome.graph.scored.below
    decides = tuple(f"{node.name}: {decision_words(recipe.decide[node.name])}." for node in used)
    set_to = [
        f"{name}: {setting}" for name, setting in outcome.best.deployed.items() if outcome.graph.nodes[name].per is None
    ]
    came = came_from(summary, f"Recipe {recipe.recipe}, configuration {row.configuration.id}", facts)
    worth = [f"Scored is the {score_words(recipe)}.", *seen_notes([row])]
    worth += worth_sentences(page) if is_winner else [*foretold_sentences(page), NOT_CHOSEN]
    worth += [_of_all_rows(page.cells)] if facts.all_rows else []
    sections = (
        DocumentSection("What it is worth", tuple(worth), (ladder,)),
        DocumentSection("What it decides", decides, remarks=(*set_to, CHOSEN)),
        DocumentSection("How to use it", use(facts, page.cells)),
        DocumentSection("Where it comes from", remarks=came),
    )
    return LICENCE + markdown(Document(recipe.recipe, sections))


def _of_all_rows(cells: CellWords) -> str:
    return (
        f"These are figures of the {cells.many}’ models. This one was trained on all rows: nothing is held out, so it "
        "has none of its own."
    )


def came_from(summary: SearchSummary, what: str, facts: CardFacts) -> tuple[str, ...]:
    """Recipe, encoder, data and versions; ``what``: of the search it is."""
    versions = ", ".join(f"{name} {number}" for name, number in summary.facts.versions.items())
    return (
        f"{what}; encoder {', '.join(facts.encoders)}.",
        f"Data: SHA-256 {summary.facts.data_fingerprint}. No text of them is here.",
        f"tune-polar {facts.version}; searched with {versions}.",
    )


def use(facts: CardFacts, cells: CellWords) -> tuple[str, ...]:
    """How others open it; ``cells``: of a configuration of its search."""
    said = [
        "tune-polar predict with this folder reads files of texts and gives probabilities, decisions and, of several "
        "models, how far they agree."
    ]
    if facts.models > 1:
        said.append(f"{facts.models} models of the {cells.many} vote together: their shares are averaged.")
    if facts.members:
        said.append(
            f"They are those of {facts.members} configurations, each of which counts its weight; of neighbours the "
            "share of positives among a configuration’s k nearest is what is averaged (decision.json)."
        )
    if facts.opens_alone:
        said.append(
            "AutoModelForSequenceClassification.from_pretrained opens "
            + ("this folder" if "." in facts.opens_alone else f"each of {', '.join(facts.opens_alone)}")
            + " and gives the logits of training. Take the sigmoid of each label or the softmax of classes; "
            "decision.json has the thresholds."
        )
    if facts.others:
        said.append(
            ("This folder" if "." in facts.others else f"Each of {', '.join(facts.others)}")
            + " holds an encoder for AutoModel, without a pooler, and its head in head.safetensors: transformers has "
            "none like it."
        )
    if facts.embedded:
        said.append(
            "The embedded encoder reads characters (characters.json); transformers has no tokenizer of this kind."
        )
    return tuple(said)
