"""Rebuilding a table on SQLite keeps the triggers that stand on it and those that ask it."""

from typing import Any

import pytest
from django.db import connection, migrations, models
from django.db.migrations.state import ProjectState

from core.rebuilding import KeepingTriggers

pytestmark = pytest.mark.skipif(connection.vendor != "sqlite", reason="PostgreSQL alters a table in place")


@pytest.fixture
def state() -> ProjectState:
    fields: list[tuple[str, models.Field[Any, Any]]] = [
        ("id", models.BigAutoField(primary_key=True)),
        ("number", models.IntegerField()),
    ]
    state = ProjectState()
    create = migrations.CreateModel("Rebuilt", fields)
    create.state_forwards("core", state)
    with connection.schema_editor() as editor:
        editor.create_model(state.apps.get_model("core", "Rebuilt"))
    with connection.cursor() as cursor:
        cursor.execute("CREATE TABLE asking (id integer)")
        cursor.execute(
            "CREATE TRIGGER standing BEFORE DELETE ON core_rebuilt FOR EACH ROW"
            " BEGIN SELECT RAISE(ABORT, 'kept'); END"
        )
        cursor.execute(
            "CREATE TRIGGER asked BEFORE INSERT ON asking FOR EACH ROW"
            " WHEN NOT EXISTS (SELECT 1 FROM core_rebuilt WHERE id = NEW.id)"
            " BEGIN SELECT RAISE(ABORT, 'unknown'); END"
        )
    return state


def triggers() -> dict[str, str]:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT name, sql FROM sqlite_master WHERE type = 'trigger' AND name IN ('standing', 'asked')"
        )
        return dict(cursor.fetchall())


@pytest.mark.django_db(transaction=True)
def test_there_and_back_again(state: ProjectState) -> None:
    before = triggers()
    change = KeepingTriggers(
        "core_rebuilt",
        [
            migrations.AddConstraint(
                "rebuilt", models.CheckConstraint(condition=models.Q(number__gte=0), name="number_is_counted")
            )
        ],
    )
    after = state.clone()
    change.state_forwards("core", after)
    try:
        with connection.schema_editor() as editor:
            change.database_forwards("core", editor, state, after)
        assert triggers() == before
        assert "number_is_counted" in _table()
        with connection.schema_editor() as editor:
            change.database_backwards("core", editor, after, state)
        assert triggers() == before
        assert "number_is_counted" not in _table()
    finally:
        with connection.cursor() as cursor:
            cursor.execute("DROP TABLE asking")
            cursor.execute("DROP TABLE core_rebuilt")


def _table() -> str:
    with connection.cursor() as cursor:
        cursor.execute("SELECT sql FROM sqlite_master WHERE name = 'core_rebuilt'")
        return str(cursor.fetchone()[0])
