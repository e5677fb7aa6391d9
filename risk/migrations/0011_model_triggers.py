"""A champion was compared with the one it replaces, approved, and stays as it was: triggers on both engines.

They take the place of the guards of models in 0006_activation_triggers, which says how guards work and what a
later migration that alters one of these tables has to do.
"""

import importlib

from django.db import migrations

_earlier = importlib.import_module("risk.migrations.0006_activation_triggers")
Guard, changed = _earlier.Guard, _earlier.changed

# The sha256 of who is champion when the row comes in; '' if nobody is.
PRESENT_CHAMPION = """COALESCE((
    SELECT champion.sha256 FROM risk_modelversion AS champion
    WHERE champion.subject = NEW.subject AND champion.status = 'champion'), '')"""

MODEL_GUARDS = [
    Guard("new_model_is_no_champion", "risk_modelversion", "INSERT", "NEW.status = 'champion'"),
    Guard(
        "champion_is_approved",
        "risk_modelversion",
        "UPDATE",
        # One promotion stands per subject, and it was made while the one it replaces was champion: nobody
        # else can have been champion between the comparison's champion and this one.
        "NEW.status = 'champion' AND OLD.status <> 'champion' AND NOT EXISTS ("
        "SELECT 1 FROM risk_modelpromotion AS approval WHERE approval.model_id = NEW.id "
        "AND approval.sha256 = NEW.sha256 AND approval.ended_at IS NULL)",
    ),
    Guard(
        "model_is_immutable",
        "risk_modelversion",
        "UPDATE",
        changed("subject", "number", "kind", "artifact", "sha256", "feature_hash", "training_id")
        + " OR (NEW.status = 'candidate' AND OLD.status <> 'candidate')",
    ),
    Guard("model_report_is_immutable", "risk_modelreport", "UPDATE", changed("model_id", "data", "created_at")),
]

COMPARISON_GUARDS = [
    Guard("new_comparison_is_not_finished", "risk_modelcomparison", "INSERT",
        "NEW.status = 'finished' OR NEW.passes IS NOT NULL"),
    Guard(
        "finished_comparison_is_immutable",
        "risk_modelcomparison",
        "UPDATE",
        "OLD.status = 'finished' AND ("
        + changed(
            "status", "model_id", "sha256", "champion_id", "champion_sha256", "baseline_sha256", "as_of", "rows",
            "since", "until", "result", "passes", "reasons", "finished_at",
        )
        + ")",
    ),
    Guard("finished_comparison_is_kept", "risk_modelcomparison", "DELETE", "OLD.status = 'finished'"),
]  # fmt: skip

PROMOTION_GUARDS = [
    Guard(
        "promotion_names_its_model",
        "risk_modelpromotion",
        "INSERT",
        "NEW.ended_at IS NOT NULL OR NOT EXISTS ("
        "SELECT 1 FROM risk_modelversion AS model JOIN risk_trainingrun AS run ON run.id = model.training_id "
        "WHERE model.id = NEW.model_id AND model.sha256 = NEW.sha256 AND model.subject = NEW.subject "
        "AND run.requested_by_id IS NOT DISTINCT FROM NEW.requested_by_id)",
    ),
    Guard(
        "promotion_names_whom_it_replaces",
        "risk_modelpromotion",
        "INSERT",
        f"NEW.champion_sha256 <> {PRESENT_CHAMPION}",
    ),
    Guard(
        "promotion_has_passing_comparison",
        "risk_modelpromotion",
        "INSERT",
        "NEW.returns_to_id IS NULL AND NOT EXISTS ("
        "SELECT 1 FROM risk_modelcomparison AS test WHERE test.id = NEW.comparison_id "
        "AND test.status = 'finished' AND test.passes AND test.model_id = NEW.model_id "
        "AND test.sha256 = NEW.sha256 AND test.champion_sha256 = NEW.champion_sha256 "
        "AND test.finished_at = NEW.compared_at "
        # Asking again until it passes by luck is no way in: the newest answer counts, too, if it is a no.
        "AND NOT EXISTS (SELECT 1 FROM risk_modelcomparison AS later WHERE later.model_id = test.model_id "
        "AND later.sha256 = test.sha256 AND later.champion_sha256 = test.champion_sha256 "
        "AND later.status = 'finished' AND later.finished_at > test.finished_at "
        "AND later.finished_at <= NEW.promoted_at AND NOT later.passes))",
    ),
    Guard(
        "promotion_returns_to_earlier_champion",
        "risk_modelpromotion",
        "INSERT",
        "NEW.returns_to_id IS NOT NULL AND NOT EXISTS ("
        "SELECT 1 FROM risk_modelpromotion AS earlier WHERE earlier.id = NEW.returns_to_id "
        "AND earlier.model_id = NEW.model_id AND earlier.sha256 = NEW.sha256 AND earlier.ended_at IS NOT NULL "
        "AND earlier.comparison_id IS NOT DISTINCT FROM NEW.comparison_id "
        "AND earlier.compared_at IS NOT DISTINCT FROM NEW.compared_at)",
    ),
    Guard(
        "promotion_is_immutable",
        "risk_modelpromotion",
        "UPDATE",
        changed(
            "subject", "model_id", "sha256", "champion_sha256", "comparison_id", "compared_at", "returns_to_id",
            "requested_by_id", "approver_id", "promoted_at",
        )
        + " OR (OLD.ended_at IS NOT NULL AND NEW.ended_at IS DISTINCT FROM OLD.ended_at)",
    ),
    Guard("promotion_is_kept", "risk_modelpromotion", "DELETE", "OLD.id IS NOT NULL"),
]  # fmt: skip

GUARDS = [*MODEL_GUARDS, *COMPARISON_GUARDS, *PROMOTION_GUARDS]


def put_up(apps, schema_editor):
    for guard in GUARDS:
        for statement in guard.create(schema_editor.connection.vendor):
            schema_editor.execute(statement, params=None)


def take_down(apps, schema_editor):
    for guard in GUARDS:
        for statement in guard.drop(schema_editor.connection.vendor):
            schema_editor.execute(statement, params=None)


class Migration(migrations.Migration):
    dependencies = [("risk", "0010_model_lifecycle")]

    operations = [migrations.RunPython(put_up, take_down)]
