"""What goes live was backtested and approved, and stays as it was: triggers on both engines.

Each guard is one condition, written in the SQL that PostgreSQL and SQLite
share, and fires for whoever writes: services, the ORM, a superuser, a shell.
Both answer with an IntegrityError that carries the guard's name.

Altering a table on SQLite rebuilds it, which drops its triggers: a later
migration that alters one of these tables has to take the guards down before
and put them up again after; tests/risk/test_gate.py fails if it does not.
On SQLite `manage.py flush` is refused, because it deletes row by row what must
not be deleted; PostgreSQL's TRUNCATE fires no row trigger.
"""

from dataclasses import dataclass

from django.db import migrations


@dataclass(frozen=True)
class Guard:
    """Refuse `event` on the rows of `table` for which `refused_if` is true."""

    name: str
    table: str
    event: str
    refused_if: str

    @property
    def trigger(self):
        return f"{self.table}_{self.name}"

    def create(self, vendor):
        fires = f"CREATE TRIGGER {self.trigger} BEFORE {self.event} ON {self.table} FOR EACH ROW"
        if vendor == "sqlite":
            refuse = f"SELECT RAISE(ABORT, '{self.name}');"
            return [f"{fires} WHEN {self.refused_if} BEGIN {refuse} END"]
        refuse = (
            f"RAISE EXCEPTION '{self.name}' "
            f"USING ERRCODE = 'integrity_constraint_violation', CONSTRAINT = '{self.name}';"
        )
        row = "OLD" if self.event == "DELETE" else "NEW"
        body = f"BEGIN IF {self.refused_if} THEN {refuse} END IF; RETURN {row}; END"
        return [
            f"CREATE FUNCTION {self.trigger}() RETURNS trigger LANGUAGE plpgsql AS $guard$ {body} $guard$",
            f"{fires} EXECUTE FUNCTION {self.trigger}()",
        ]

    def drop(self, vendor):
        if vendor == "sqlite":
            return [f"DROP TRIGGER {self.trigger}"]
        return [f"DROP TRIGGER {self.trigger} ON {self.table}", f"DROP FUNCTION {self.trigger}()"]


def changed(*columns):
    return " OR ".join(f"NEW.{column} IS DISTINCT FROM OLD.{column}" for column in columns)


# An approval that stands: of this very content, and by neither its author nor its last editor.
STANDING_APPROVAL = """EXISTS (
    SELECT 1 FROM risk_activation AS approval
    WHERE approval.ruleset_id = NEW.id AND approval.ruleset_hash = NEW.content_hash
      AND approval.activated_at IS NULL AND approval.withdrawn_at IS NULL
      AND approval.approver_id <> NEW.author_id
      AND approval.approver_id IS DISTINCT FROM NEW.last_editor_id)"""

RULESET_GUARDS = [
    Guard("new_ruleset_is_a_draft", "risk_ruleset", "INSERT", "NEW.status <> 'draft'"),
    Guard(
        "ruleset_goes_live_by_approval",
        "risk_ruleset",
        "UPDATE",
        # What was scheduled goes on to live with the approval it was scheduled with.
        "NEW.status IN ('live', 'scheduled') AND NEW.status <> OLD.status "
        f"AND NOT {STANDING_APPROVAL}",
    ),
    Guard(
        "ruleset_returns_to_draft_unapproved",
        "risk_ruleset",
        "UPDATE",
        "NEW.status = 'draft' AND OLD.status <> 'draft' AND (OLD.status <> 'scheduled' OR EXISTS ("
        "SELECT 1 FROM risk_activation AS approval WHERE approval.ruleset_id = NEW.id "
        "AND approval.activated_at IS NULL AND approval.withdrawn_at IS NULL))",
    ),
    Guard(
        "published_ruleset_is_immutable",
        "risk_ruleset",
        "UPDATE",
        "OLD.status <> 'draft' AND ("
        + changed("subject", "number", "name", "policy", "content_hash", "author_id", "last_editor_id")
        + ")",
    ),
    Guard("published_ruleset_is_kept", "risk_ruleset", "DELETE", "OLD.status <> 'draft'"),
]


def _of_published(row):
    owner = f"SELECT 1 FROM risk_ruleset AS owner WHERE owner.id = {row}.ruleset_id"  # noqa: S608
    return f"EXISTS ({owner} AND owner.status <> 'draft')"


RULE_GUARDS = [
    Guard("rules_of_published_ruleset_are_complete", "risk_rule", "INSERT", _of_published("NEW")),
    Guard(
        "rules_of_published_ruleset_are_immutable",
        "risk_rule",
        "UPDATE",
        f"{_of_published('OLD')} OR {_of_published('NEW')}",
    ),
    Guard("rules_of_published_ruleset_are_kept", "risk_rule", "DELETE", _of_published("OLD")),
]

ACTIVATION_GUARDS = [
    Guard(
        "activation_names_its_ruleset",
        "risk_activation",
        "INSERT",
        "NEW.activated_at IS NOT NULL OR NEW.withdrawn_at IS NOT NULL OR NOT EXISTS ("
        "SELECT 1 FROM risk_ruleset AS ruleset WHERE ruleset.id = NEW.ruleset_id "
        "AND ruleset.author_id = NEW.author_id "
        "AND ruleset.last_editor_id IS NOT DISTINCT FROM NEW.last_editor_id)",
    ),
    Guard(
        "activation_has_finished_backtest",
        "risk_activation",
        "INSERT",
        "NEW.returns_to_id IS NULL AND NOT EXISTS ("
        "SELECT 1 FROM risk_backtest AS test JOIN risk_ruleset AS ruleset ON ruleset.id = NEW.ruleset_id "
        "WHERE test.id = NEW.backtest_id AND test.status = 'finished' AND test.kind = 'ruleset' "
        "AND test.subject = ruleset.subject AND test.content_hash = NEW.ruleset_hash "
        "AND test.content_hash = NEW.backtest_hash AND test.finished_at = NEW.backtest_finished_at)",
    ),
    Guard(
        "activation_returns_to_same_content",
        "risk_activation",
        "INSERT",
        "NEW.returns_to_id IS NOT NULL AND NOT EXISTS ("
        "SELECT 1 FROM risk_activation AS earlier WHERE earlier.id = NEW.returns_to_id "
        "AND earlier.activated_at IS NOT NULL AND earlier.ruleset_id = NEW.ruleset_id "
        "AND earlier.ruleset_hash = NEW.ruleset_hash "
        "AND earlier.backtest_id IS NOT DISTINCT FROM NEW.backtest_id "
        "AND earlier.backtest_hash = NEW.backtest_hash "
        "AND earlier.backtest_finished_at IS NOT DISTINCT FROM NEW.backtest_finished_at)",
    ),
    Guard(
        "activation_is_immutable",
        "risk_activation",
        "UPDATE",
        changed(
            "ruleset_id", "ruleset_hash", "backtest_id", "backtest_hash", "backtest_finished_at",
            "returns_to_id", "author_id", "last_editor_id", "approver_id", "approved_at",
        )
        + " OR (OLD.activated_at IS NOT NULL AND NEW.activated_at IS DISTINCT FROM OLD.activated_at)"
        " OR (OLD.withdrawn_at IS NOT NULL AND NEW.withdrawn_at IS DISTINCT FROM OLD.withdrawn_at)",
    ),
    Guard("activation_is_kept", "risk_activation", "DELETE", "OLD.id IS NOT NULL"),
]  # fmt: skip

BACKTEST_GUARDS = [
    Guard("new_backtest_is_not_finished", "risk_backtest", "INSERT", "NEW.status = 'finished'"),
    Guard(
        "finished_backtest_is_immutable",
        "risk_backtest",
        "UPDATE",
        "OLD.status = 'finished' AND ("
        + changed(
            "status", "subject", "kind", "ruleset_id", "rule_code", "thresholds", "content_hash", "baseline_id",
            "baseline_hash", "since", "until", "costs", "result", "finished_at",
        )
        + ")",
    ),
    Guard("finished_backtest_is_kept", "risk_backtest", "DELETE", "OLD.status = 'finished'"),
]  # fmt: skip

MODEL_GUARDS = [
    Guard("new_model_is_no_champion", "risk_modelversion", "INSERT", "NEW.status = 'champion'"),
    Guard(
        "champion_is_approved",
        "risk_modelversion",
        "UPDATE",
        "NEW.status = 'champion' AND OLD.status <> 'champion' AND NOT EXISTS ("
        "SELECT 1 FROM risk_modelpromotion AS approval WHERE approval.model_id = NEW.id "
        "AND approval.sha256 = NEW.sha256 AND approval.ended_at IS NULL)",
    ),
    Guard(
        "model_is_immutable",
        "risk_modelversion",
        "UPDATE",
        "OLD.status <> 'candidate' AND ("
        + changed("subject", "number", "kind", "artifact", "sha256", "feature_hash", "training_id")
        + " OR NEW.status = 'candidate')",
    ),
    Guard("promotion_names_its_model", "risk_modelpromotion", "INSERT",
        "NEW.ended_at IS NOT NULL OR NOT EXISTS ("
        "SELECT 1 FROM risk_modelversion AS model JOIN risk_trainingrun AS run ON run.id = model.training_id "
        "WHERE model.id = NEW.model_id AND model.sha256 = NEW.sha256 "
        "AND run.requested_by_id IS NOT DISTINCT FROM NEW.requested_by_id)"),
    Guard("promotion_is_immutable", "risk_modelpromotion", "UPDATE",
        changed("model_id", "sha256", "requested_by_id", "approver_id", "promoted_at")
        + " OR (OLD.ended_at IS NOT NULL AND NEW.ended_at IS DISTINCT FROM OLD.ended_at)"),
    Guard("promotion_is_kept", "risk_modelpromotion", "DELETE", "OLD.id IS NOT NULL"),
]  # fmt: skip

GUARDS = [*RULESET_GUARDS, *RULE_GUARDS, *ACTIVATION_GUARDS, *BACKTEST_GUARDS, *MODEL_GUARDS]


def put_up(apps, schema_editor):
    for guard in GUARDS:
        for statement in guard.create(schema_editor.connection.vendor):
            schema_editor.execute(statement, params=None)


def take_down(apps, schema_editor):
    for guard in GUARDS:
        for statement in guard.drop(schema_editor.connection.vendor):
            schema_editor.execute(statement, params=None)


class Migration(migrations.Migration):
    dependencies = [("risk", "0005_activation_gate")]

    operations = [migrations.RunPython(put_up, take_down)]
