"""What finished configurations say: scores them from their records and tells the sampler."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tune_polar.decide.metrics import Metric
from tune_polar.errors import DecisionError
from tune_polar.evaluate.configuration_predictions import PredictionsReader
from tune_polar.evaluate.configuration_scores import Scores, StoredScores, scores_of
from tune_polar.evaluate.outcome import NO_ALTERNATIVES, outcome_of
from tune_polar.recipe.configuration import Configuration
from tune_polar.search.configuration_progress import ConfigurationProgress
from tune_polar.search.optuna.sampler import Sampler
from tune_polar.search.optuna.swept_point import swept_point

log = logging.getLogger(__name__)


@dataclass(frozen=True, eq=False)
class Scored:
    """A finished configuration and what it scored."""

    progress: ConfigurationProgress
    scores: Scores

    @property
    def configuration(self) -> Configuration:
        """Which."""
        return self.progress.configuration


class Study:
    """Derives every score from records; can be built anew at any time.

    The sampler is told one trial a configuration: the point that was proposed, in it the values that cost no training
    as they were chosen afterwards, and the score of these. It is told so that larger is better.
    """

    def __init__(
        self,
        reader: PredictionsReader,
        metric: Metric,
        sampler: Sampler | None = None,
        kept: StoredScores | None = None,
        alternatives: Mapping[str, Sequence[Any]] = NO_ALTERNATIVES,
    ) -> None:
        """Nothing is scored yet.

        Args:
            reader: of the stored predictions.
            metric: of the score.
            sampler: that is told; None: a fixed list of recipes is trained.
            kept: scores that were derived before.
            alternatives: as ``outcome_of`` takes them.
        """
        self._reader = reader
        self._metric = metric
        self._sampler = sampler
        self._kept = kept
        self._alternatives = alternatives
        self.scored: dict[str, Scored] = {}  # by configuration id

    def on_finished(self, progress: ConfigurationProgress) -> float | None:
        """Score a configuration that finished, or say that one is infeasible or given up."""
        if progress.state == "abandoned" and progress.abandonment is not None:
            self.on_expected(progress, progress.abandonment.predicted)
            return None
        scores = None if progress.state == "infeasible" else self._scores(progress)
        if scores is None:
            if self._sampler is not None:
                self._sampler.tell_infeasible(progress.configuration)
            return None
        self.scored[progress.configuration.id] = Scored(progress, scores)
        if self._sampler is not None:
            point = swept_point(progress.configuration.point, scores.best.settings, self._sampler.space)
            self._sampler.tell(progress.configuration, self._turned(scores.score), point)
        return scores.score

    def on_expected(self, progress: ConfigurationProgress, score: float) -> None:
        """A configuration in training, or given up, is expected to score so much."""
        if self._sampler is not None:
            self._sampler.tell_predicted(progress.configuration, self._turned(score))

    @property
    def best(self) -> Scored | None:
        """The configuration with the best cross-fitted score; ties go to the one proposed first."""
        return max(
            self.scored.values(),
            key=lambda scored: (self._turned(scored.scores.score), -scored.configuration.number),
            default=None,
        )

    def _scores(self, progress: ConfigurationProgress) -> Scores | None:
        configuration, folds = progress.configuration, list(progress.finished.values())
        if self._kept is not None and (kept := self._kept.get(configuration, folds)) is not None:
            return kept
        predictions = self._reader.read(configuration, folds)
        if predictions.missing_cells:
            missing = ", ".join(map(str, predictions.missing_cells))
            problem = f"the stored predictions of {missing} are missing or damaged"
        else:
            try:
                scores = scores_of(
                    outcome_of(configuration.recipe, predictions.gold.splits, predictions.cells, self._alternatives)
                )
            except DecisionError as error:
                problem = str(error)
            else:
                if self._kept is not None:
                    self._kept.put(configuration, folds, scores)
                return scores
        log.warning("configuration %s cannot be scored: %s", configuration.id, problem)
        return None

    def _turned(self, score: float) -> float:
        """So that larger is better."""
        return self._metric.gain(score, 0.0)
