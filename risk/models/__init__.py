"""Tables of risk: rulesets, model versions, decisions, labels, account scores."""

from .accounts import AccountScore, Alert
from .decisions import Decision, Explanation, Label, LabelSource, Outcome
from .rulesets import Activation, Effect, Rule, RuleMode, RuleSet, RuleSetStatus
from .subjects import Subject
from .versions import ModelPromotion, ModelStatus, ModelVersion, ShadowScore, TrainingRun

__all__ = [
    "AccountScore",
    "Activation",
    "Alert",
    "Decision",
    "Effect",
    "Explanation",
    "Label",
    "LabelSource",
    "ModelPromotion",
    "ModelStatus",
    "ModelVersion",
    "Outcome",
    "Rule",
    "RuleMode",
    "RuleSet",
    "RuleSetStatus",
    "ShadowScore",
    "Subject",
    "TrainingRun",
]
