"""Writes on rulesets, models and labels, one module per noun."""

from .labels import record_label
from .models import promote_model, request_training
from .rulesets import (
    activate_ruleset,
    check_condition,
    copy_to_draft,
    create_draft,
    delete_rule,
    save_rule,
)

__all__ = [
    "activate_ruleset",
    "check_condition",
    "copy_to_draft",
    "create_draft",
    "delete_rule",
    "promote_model",
    "record_label",
    "request_training",
    "save_rule",
]
