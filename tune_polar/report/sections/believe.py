"""What the best score is worth once it has been chosen, and every coded check."""

from __future__ import annotations

from collections.abc import Mapping

from tune_polar.evaluate.coded_checks import Check
from tune_polar.report.correction import correction_sentence
from tune_polar.report.document import Entry, TextTable, prose
from tune_polar.report.page_context import PageContext
from tune_polar.report.page_section import Answer, Section, always

MESSAGES = 8  # of one check
# What each check is for, in plain words.
EXPLANATIONS: Mapping[str, str] = {
    "TP001": "A best value at the end of its range suggests better ones beyond: the range decided, not the data.",
    "TP002": "A gain that noise between folds would produce by itself is no reason to prefer the winner.",
    "TP003": "A threshold that calls a label far more or far less often than it is positive, or gives up F1, says more "
    "about the rule that chose it than about the label.",
    "TP004": "A configuration without all its folds has no score and enters no comparison.",
    "TP005": "A text on both sides of a split is judged by a model that has seen it: scores come out too high.",
    "TP006": "With few configurations chance alone makes some parameter look important.",
    "TP007": "Labels, texts or the model there are not what they were: what was measured says little of that split.",
    "TP008": "A score from few positive rows is mostly luck: neither it nor its threshold will hold on new rows.",
    "TP009": "Texts of which four fifths of the words are the same: what is scored on them is in part remembered.",
    "TP010": "A stage that starts from another fold’s weights is scored on texts that those were trained on. Of dev, "
    "test and evaluation sets they have seen nothing.",
    "TP011": "A value that was chosen by scores on a set makes scores on it look better than on any other rows.",
}
VERDICTS: Mapping[str, Entry] = {
    "fires": Entry("look here", kind="fires"),
    "silent": Entry("nothing found"),
    "not applicable": Entry("not applicable"),
}


def build(page: PageContext) -> Answer:
    """The correction where no winner stands above, and the table of checks."""
    rows = tuple(
        (Entry(f"{each.code} {each.title}", EXPLANATIONS.get(each.code, "")), VERDICTS[each.verdict], _found(each))
        for each in page.checks
    )
    caption = "Every check is made; one that cannot be made says why"
    table = TextTable(caption, ("Check", "Verdict", "What was found"), rows, words=(1, 2), kind="checks")
    return [table] if page.outcome is not None else [prose(correction_sentence(page)), table]


def _found(check: Check) -> Entry:
    rest = len(check.messages) - MESSAGES
    lines = [*check.messages[:MESSAGES], *([f"and {rest} more"] if rest > 0 else [])]
    return Entry("\n".join(lines) or "—", kind="lines")


SECTION = Section("believe", "Can it be believed?", "Believable?", always, build)
