"""Giving an index more columns to carry, beside the traffic: a migration's operations for both engines."""

from typing import Any

from django.db import models
from django.db.migrations.operations import AddIndex, RemoveIndex, RunPython, SeparateDatabaseAndState


class CarryInIndex(SeparateDatabaseAndState):
    """Put an index that carries more columns in the place of the one of the same name.

    PostgreSQL answers from such an index without looking at the table, and makes it while others write; the
    migration must not be atomic, and may run again after it was broken off. SQLite's indexes carry nothing:
    there the two are the same.
    """

    atomic = False

    def __init__(self, model_name: str, index: models.Index) -> None:
        super().__init__(state_operations=[RemoveIndex(model_name, index.name), AddIndex(model_name, index)])
        self.model_name = model_name
        self.index = index

    def deconstruct(self) -> tuple[str, list[Any], dict[str, Any]]:
        return type(self).__name__, [self.model_name, self.index], {}

    def database_forwards(self, app_label: str, schema_editor: Any, from_state: Any, to_state: Any) -> None:
        self._replace(to_state.apps.get_model(app_label, self.model_name), schema_editor)

    def database_backwards(self, app_label: str, schema_editor: Any, from_state: Any, to_state: Any) -> None:
        self._replace(to_state.apps.get_model(app_label, self.model_name), schema_editor)

    def _replace(self, model: type[models.Model], schema_editor: Any) -> None:
        if schema_editor.connection.vendor != "postgresql":
            return
        (wanted,) = [index for index in model._meta.indexes if index.name == self.index.name]
        wanted = wanted.clone()
        wanted.name = f"{self.index.name}_new"
        quoted, old = schema_editor.quote_name(wanted.name), schema_editor.quote_name(self.index.name)
        # What an attempt that was broken off has left is not valid.
        schema_editor.execute(f"DROP INDEX CONCURRENTLY IF EXISTS {quoted}")
        schema_editor.add_index(model, wanted, concurrently=True)
        schema_editor.execute(f"DROP INDEX CONCURRENTLY IF EXISTS {old}")
        schema_editor.execute(f"ALTER INDEX {quoted} RENAME TO {old}")


def vacuum_after(table: str, share: float) -> RunPython:
    """Return the operation that lets PostgreSQL vacuum a table after so many new rows; usually it is a fifth.

    An index answers alone only for pages that a vacuum has seen since they changed.

    share    of the table's rows, 0-1
    """
    name = "autovacuum_vacuum_insert_scale_factor"

    def alter(change: str) -> Any:
        def run(apps: Any, schema_editor: Any) -> None:
            if schema_editor.connection.vendor == "postgresql":
                schema_editor.execute(f"ALTER TABLE {schema_editor.quote_name(table)} {change}")

        return run

    return RunPython(alter(f"SET ({name} = {share})"), alter(f"RESET ({name})"))
