"""Writes on rulesets, models and labels, one module per noun."""

from .activations import activate_ruleset, approve_ruleset, roll_back, start_scheduled, unschedule
from .labels import record_label
from .models import promote_model, request_training
from .rulesets import (
    check_condition,
    copy_to_draft,
    create_draft,
    delete_rule,
    move_rule,
    rename_ruleset,
    save_policy,
    save_rule,
)

__all__ = [
    "activate_ruleset",
    "approve_ruleset",
    "check_condition",
    "copy_to_draft",
    "create_draft",
    "delete_rule",
    "move_rule",
    "promote_model",
    "record_label",
    "rename_ruleset",
    "request_training",
    "roll_back",
    "save_policy",
    "save_rule",
    "start_scheduled",
    "unschedule",
]
