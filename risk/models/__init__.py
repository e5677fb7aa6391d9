"""Tables of risk: rulesets, lists, backtests, brakes, models, health, decisions, labels, account scores."""

from .accounts import AccountScore, Alert
from .backtests import Backtest, BacktestPart
from .brakes import Brake
from .decisions import Decision, Explanation, Label, LabelSource, Outcome
from .health import ModelHealth
from .lists import EntityList, ListEntry, ListKind, ListVersion, RuleSnooze
from .rollups import ParityRun, Rollup, RollupBucket, RollupPair
from .rulesets import FRESH_FOR, Activation, Effect, Rule, RuleMode, RuleSet, RuleSetStatus
from .subjects import Subject
from .trainings import TrainingRun, TuningTrial
from .versions import (
    ModelComparison,
    ModelPromotion,
    ModelReport,
    ModelStatus,
    ModelVersion,
    ShadowScore,
)

__all__ = [
    "FRESH_FOR",
    "AccountScore",
    "Activation",
    "Alert",
    "Backtest",
    "BacktestPart",
    "Brake",
    "Decision",
    "Effect",
    "EntityList",
    "Explanation",
    "Label",
    "LabelSource",
    "ListEntry",
    "ListKind",
    "ListVersion",
    "ModelComparison",
    "ModelHealth",
    "ModelPromotion",
    "ModelReport",
    "ModelStatus",
    "ModelVersion",
    "Outcome",
    "ParityRun",
    "Rollup",
    "RollupBucket",
    "RollupPair",
    "Rule",
    "RuleMode",
    "RuleSet",
    "RuleSetStatus",
    "RuleSnooze",
    "ShadowScore",
    "Subject",
    "TrainingRun",
    "TuningTrial",
]
