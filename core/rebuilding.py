"""Altering a table that triggers stand on or ask: a migration's operation for both engines.

SQLite alters a table by making it anew, which drops its triggers, and renames
nothing while a trigger of another table asks for the one that is gone.
"""

from collections.abc import Sequence
from contextlib import contextmanager
from typing import Any

from django.db.migrations.operations import SeparateDatabaseAndState
from django.db.migrations.operations.base import Operation


class KeepingTriggers(SeparateDatabaseAndState):
    """Run operations on one table; on SQLite its triggers, and those that name it, come back word for word.

    For operations that leave the columns which the triggers name as they are.
    """

    def __init__(self, table: str, operations: Sequence[Operation]) -> None:
        super().__init__(database_operations=operations, state_operations=operations)
        self.table = table
        self.operations = operations

    def deconstruct(self) -> tuple[str, list[Any], dict[str, Any]]:
        return type(self).__name__, [self.table, self.operations], {}

    def database_forwards(self, app_label: str, schema_editor: Any, from_state: Any, to_state: Any) -> None:
        with self._triggers_aside(schema_editor):
            super().database_forwards(app_label, schema_editor, from_state, to_state)

    def database_backwards(self, app_label: str, schema_editor: Any, from_state: Any, to_state: Any) -> None:
        with self._triggers_aside(schema_editor):
            super().database_backwards(app_label, schema_editor, from_state, to_state)

    @contextmanager
    def _triggers_aside(self, schema_editor: Any) -> Any:
        found: list[tuple[str, str]] = []
        if schema_editor.connection.vendor == "sqlite":
            with schema_editor.connection.cursor() as cursor:
                cursor.execute(
                    "SELECT name, sql FROM sqlite_master WHERE type = 'trigger' AND instr(sql, %s)",
                    [self.table],
                )
                found = cursor.fetchall()
        for name, _statement in found:
            schema_editor.execute(f"DROP TRIGGER {name}", params=None)
        yield
        for _name, statement in found:
            schema_editor.execute(statement, params=None)
