"""Every shadow score is of a model that is there: asked once a statement, where a foreign key asks once a row.

0006_activation_triggers says how guards work and what a later migration that alters one of these tables does.
"""

import importlib
from dataclasses import dataclass

from django.db import migrations

_earlier = importlib.import_module("risk.migrations.0006_activation_triggers")
Guard = _earlier.Guard


@dataclass(frozen=True)
class OncePerStatement(Guard):
    """On PostgreSQL, look at all rows of a statement together, and hold the models until the commit."""

    def create(self, vendor):
        if vendor == "sqlite":
            return super().create(vendor)
        refuse = (
            f"RAISE EXCEPTION '{self.name}' "
            f"USING ERRCODE = 'integrity_constraint_violation', CONSTRAINT = '{self.name}';"
        )
        # Locked as a foreign key locks: whoever deletes the model waits, and finds the scores then.
        missing = (
            "SELECT 1 FROM (SELECT DISTINCT model_id FROM added) AS score WHERE NOT EXISTS ("
            "SELECT 1 FROM risk_modelversion AS model WHERE model.id = score.model_id FOR KEY SHARE)"
        )
        body = f"BEGIN IF EXISTS ({missing}) THEN {refuse} END IF; RETURN NULL; END"
        fires = f"CREATE TRIGGER {self.trigger} AFTER {self.event} ON {self.table}"
        return [
            f"CREATE FUNCTION {self.trigger}() RETURNS trigger LANGUAGE plpgsql AS $guard$ {body} $guard$",
            f"{fires} REFERENCING NEW TABLE AS added FOR EACH STATEMENT EXECUTE FUNCTION {self.trigger}()",
        ]


_NO_MODEL = "NOT EXISTS (SELECT 1 FROM risk_modelversion AS model WHERE model.id = NEW.model_id)"
_HAS_SCORES = "EXISTS (SELECT 1 FROM risk_shadowscore AS score WHERE score.model_id = OLD.id)"

GUARDS = [
    OncePerStatement("shadow_score_has_model", "risk_shadowscore", "INSERT", _NO_MODEL),
    OncePerStatement("moved_shadow_score_has_model", "risk_shadowscore", "UPDATE", _NO_MODEL),
    Guard("model_with_shadow_scores_is_kept", "risk_modelversion", "DELETE", _HAS_SCORES),
]


def put_up(apps, schema_editor):
    for guard in GUARDS:
        for statement in guard.create(schema_editor.connection.vendor):
            schema_editor.execute(statement, params=None)


def take_down(apps, schema_editor):
    for guard in GUARDS:
        for statement in guard.drop(schema_editor.connection.vendor):
            schema_editor.execute(statement, params=None)


class Migration(migrations.Migration):
    dependencies = [("risk", "0018_comparison_progress")]

    operations = [migrations.RunPython(put_up, take_down)]
