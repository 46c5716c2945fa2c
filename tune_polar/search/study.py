"""What finished configurations say: scores them from their records and tells the sampler."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass

from tune_polar.errors import DecisionError
from tune_polar.search.configuration_progress import ConfigurationProgress
from tune_polar.search.sampler import Sampler
from tune_polar.spec.configuration import Configuration
from tune_polar.spec.space import CategoricalParameter, FloatParameter, IntParameter, Parameter, Scalar
from tune_polar.spec.space_file import LoadedSpace
from tune_polar.store.outcome import outcome_of
from tune_polar.store.predictions_of import PredictionsReader
from tune_polar.store.scores import DecisionScores, Scores, StoredScores, scores_of

log = logging.getLogger(__name__)

THRESHOLD_RULE, K, TAU = "decision.threshold_rule", "decision.k", "decision.tau"


@dataclass(frozen=True, eq=False)
class Scored:
    """A finished configuration and what it scored."""

    progress: ConfigurationProgress
    outcome: Scores


class Study:
    """Derives every score from records; can be built anew at any time."""

    def __init__(
        self,
        reader: PredictionsReader,
        space: LoadedSpace | None = None,
        sampler: Sampler | None = None,
        kept: StoredScores | None = None,
    ) -> None:
        self._reader = reader
        self._space = space
        self._sampler = sampler
        self._kept = kept
        self._rules = searched_rules(space)
        self.scored: dict[str, Scored] = {}  # by configuration id

    def on_finished(self, progress: ConfigurationProgress) -> float | None:
        """Score a configuration that finished, or say that one is infeasible."""
        if progress.state == "abandoned" and progress.abandonment is not None:
            self.on_expected(progress, progress.abandonment.predicted)
            return None
        outcome = None if progress.state == "infeasible" else self._outcome(progress)
        if outcome is None:
            if self._sampler is not None:
                self._sampler.tell_infeasible(progress.configuration)
            return None
        self.scored[progress.configuration.id] = Scored(progress, outcome)
        self._tell(progress.configuration, outcome)
        return outcome.score

    def on_expected(self, progress: ConfigurationProgress, score: float) -> None:
        """A configuration in training, or given up, is expected to score so much."""
        if self._sampler is not None:
            self._sampler.tell_predicted(progress.configuration, score)

    @property
    def best(self) -> Scored | None:
        """The configuration with the highest cross-fitted score; ties go to the one proposed first."""
        return max(
            self.scored.values(),
            key=lambda scored: (scored.outcome.score, -scored.progress.configuration.number),
            default=None,
        )

    def _outcome(self, progress: ConfigurationProgress) -> Scores | None:
        folds = list(progress.finished.values())
        if self._kept is not None and (kept := self._kept.get(progress.configuration, folds)) is not None:
            return kept
        predictions = self._reader.read(progress.configuration, folds)
        problem = f"the stored predictions of folds {predictions.missing_folds} are missing or damaged"
        if not predictions.missing_folds:
            try:
                scores = scores_of(outcome_of(predictions, self._rules))
            except DecisionError as error:
                problem = str(error)
            else:
                if self._kept is not None:
                    self._kept.put(progress.configuration, folds, scores)
                return scores
        log.warning("configuration %s cannot be scored: %s", progress.configuration.id, problem)
        return None

    def _tell(self, configuration: Configuration, outcome: Scores) -> None:
        if self._sampler is None or self._space is None:
            return
        searches_votes = self._space.searches(K) or self._space.searches(TAU)
        asked = outcome.proposed if searches_votes else outcome.decisions[0]
        self._sampler.tell(configuration, asked.score)
        point = {key: value for key, value in configuration.point.items() if isinstance(value, Scalar)}
        for decided in outcome.decisions:
            also = self._decision_point(point, decided, self._space)
            if also != point:  # its score has been told
                self._sampler.tell_also(configuration, also, decided.score)

    def _decision_point(
        self, point: Mapping[str, Scalar], decided: DecisionScores, space: LoadedSpace
    ) -> dict[str, Scalar]:
        """The same training values with the decision values that were swept: a trial that cost nothing."""
        swept: dict[str, Scalar] = {K: decided.k, TAU: decided.tau}
        if decided.rule:
            swept[THRESHOLD_RULE] = decided.rule
        return {**point, **{key: _on_grid(space.parameters[key], swept[key]) for key in swept if space.searches(key)}}


def searched_rules(space: LoadedSpace | None) -> tuple[str, ...]:
    """Threshold rules the space searches; each trained configuration is decided by all of them."""
    parameter = None if space is None else space.parameters.get(THRESHOLD_RULE)
    return tuple(map(str, parameter.choices)) if isinstance(parameter, CategoricalParameter) else ()


def _on_grid(parameter: Parameter, value: Scalar) -> Scalar:
    """The sweep looks at every value, the space perhaps at every second one: the nearest stands for it."""
    if not isinstance(parameter, IntParameter | FloatParameter) or isinstance(value, str) or parameter.step is None:
        return value
    if not parameter.low - parameter.step < value < parameter.high + parameter.step:
        return value  # outside the space: the sampler will not hear of it
    steps = round((value - parameter.low) / parameter.step)
    last = round((parameter.high - parameter.low) / parameter.step)
    return parameter.low + parameter.step * min(max(steps, 0), last)
