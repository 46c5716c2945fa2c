"""Kinds of decision, by name; a file each."""

from tune_polar.decide.kinds.argmax import Argmax
from tune_polar.decide.kinds.base import DECISIONS, Decision, Inputs, Sample, Setting, build_decision, register
from tune_polar.decide.kinds.calibrate import Calibrate, Calibration
from tune_polar.decide.kinds.clip import Clip
from tune_polar.decide.kinds.ensemble import Ensemble
from tune_polar.decide.kinds.gate import Gate
from tune_polar.decide.kinds.knn_vote import KnnVote
from tune_polar.decide.kinds.mean import Mean
from tune_polar.decide.kinds.threshold import Threshold, Thresholds

__all__ = [
    "DECISIONS",
    "Argmax",
    "Calibrate",
    "Calibration",
    "Clip",
    "Decision",
    "Ensemble",
    "Gate",
    "Inputs",
    "KnnVote",
    "Mean",
    "Sample",
    "Setting",
    "Threshold",
    "Thresholds",
    "build_decision",
    "register",
]
