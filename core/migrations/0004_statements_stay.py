"""A statement of reasons stays as it was given: triggers on both engines.

Altering the table on SQLite rebuilds it, which drops its triggers: a later
migration that does so has to take them down before and put them up again
after; tests/core/test_statements.py fails if it does not.
"""

from django.db import migrations

_GUARDS = {"statement_is_immutable": "UPDATE", "statement_is_kept": "DELETE"}


def put_up(apps, schema_editor):
    for name, event in _GUARDS.items():
        fires = f"CREATE TRIGGER core_{name} BEFORE {event} ON core_statement FOR EACH ROW"
        if schema_editor.connection.vendor == "sqlite":
            schema_editor.execute(f"{fires} BEGIN SELECT RAISE(ABORT, '{name}'); END", params=None)
            continue
        refuse = (
            f"BEGIN RAISE EXCEPTION '{name}' "
            f"USING ERRCODE = 'integrity_constraint_violation', CONSTRAINT = '{name}'; END"
        )
        schema_editor.execute(
            f"CREATE FUNCTION core_{name}() RETURNS trigger LANGUAGE plpgsql AS $guard$ {refuse} $guard$",
            params=None,
        )
        schema_editor.execute(f"{fires} EXECUTE FUNCTION core_{name}()", params=None)


def take_down(apps, schema_editor):
    for name in _GUARDS:
        if schema_editor.connection.vendor == "sqlite":
            schema_editor.execute(f"DROP TRIGGER core_{name}", params=None)
            continue
        schema_editor.execute(f"DROP TRIGGER core_{name} ON core_statement", params=None)
        schema_editor.execute(f"DROP FUNCTION core_{name}()", params=None)


class Migration(migrations.Migration):
    dependencies = [("core", "0003_statements")]

    operations = [migrations.RunPython(put_up, take_down)]
