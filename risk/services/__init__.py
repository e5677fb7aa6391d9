"""Writes on rulesets, lists, snoozes, brakes, models and labels, one module per noun."""

from .activations import activate_ruleset, approve_ruleset, roll_back, start_scheduled, unschedule
from .brakes import note_redecided, pull_brake, release_brake
from .health import request_measurement
from .labels import record_label
from .lists import (
    ListImport,
    add_entries,
    archive_list,
    create_list,
    export_list,
    import_entries,
    remove_entries,
    restore_version,
    update_list,
)
from .models import (
    promote_model,
    request_comparison,
    retire_model,
    retire_old_shadows,
    roll_back_model,
    shadow_model,
)
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
from .snoozes import close_expired_snoozes, end_snooze, snooze_rule
from .trainings import cancel_training, request_retraining, request_training

__all__ = [
    "ListImport",
    "activate_ruleset",
    "add_entries",
    "approve_ruleset",
    "archive_list",
    "cancel_training",
    "check_condition",
    "close_expired_snoozes",
    "copy_to_draft",
    "create_draft",
    "create_list",
    "delete_rule",
    "end_snooze",
    "export_list",
    "import_entries",
    "move_rule",
    "note_redecided",
    "promote_model",
    "pull_brake",
    "record_label",
    "release_brake",
    "remove_entries",
    "rename_ruleset",
    "request_comparison",
    "request_measurement",
    "request_retraining",
    "request_training",
    "restore_version",
    "retire_model",
    "retire_old_shadows",
    "roll_back",
    "roll_back_model",
    "save_policy",
    "save_rule",
    "shadow_model",
    "snooze_rule",
    "start_scheduled",
    "unschedule",
    "update_list",
]
