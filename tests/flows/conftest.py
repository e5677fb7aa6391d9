"""A database of its own for a test that starts processes."""

import os

import psycopg2
import pytest
from django.db import connection


@pytest.fixture
def own_database(tmp_path):
    """An environment with a database and a broker namespace that only this test uses."""
    environment = {**os.environ, "BACKOFFICE_VAR": str(tmp_path / "var"), "LOG_LEVEL": "WARNING"}
    if connection.vendor != "postgresql":
        environment.pop("DATABASE_URL", None)
        yield environment
        return
    name = f"bo_crash_{os.getpid()}"
    given = connection.settings_dict
    server = psycopg2.connect(
        host=given["HOST"],
        port=given["PORT"] or 5432,
        user=given["USER"],
        password=given["PASSWORD"],
        dbname="postgres",
    )
    server.autocommit = True
    with server.cursor() as cursor:
        cursor.execute(f'CREATE DATABASE "{name}"')
    user = f"{given['USER']}:{given['PASSWORD']}@" if given["PASSWORD"] else f"{given['USER']}@"
    port = f":{given['PORT']}" if given["PORT"] else ""
    yield {**environment, "DATABASE_URL": f"postgres://{user}{given['HOST']}{port}/{name}"}
    with server.cursor() as cursor:
        cursor.execute(f'DROP DATABASE "{name}" WITH (FORCE)')
    server.close()
