"""Migrations: complete, named, pointing downwards. Foreign keys given as text escape the import linter."""

import configparser
from collections.abc import Iterator
from io import StringIO
from pathlib import Path

import pytest
from django.apps import apps
from django.core.management import call_command
from django.db.migrations.loader import MigrationLoader
from django.db.models import ForeignKey, ManyToManyField

ROOT = Path(__file__).resolve().parents[1]


def _layers() -> list[set[str]]:
    """Return the layers of .importlinter, top first."""
    contracts = configparser.ConfigParser(comment_prefixes=(";", "#"))
    contracts.read(ROOT / ".importlinter")
    lines = contracts["importlinter:contract:house"]["layers"].strip().splitlines()
    return [{name.strip() for name in line.split("|")} for line in lines if line.strip()]


LAYERS = _layers()
HEIGHT = {name: -depth for depth, layer in enumerate(LAYERS) for name in layer}
OURS = [name for name in HEIGHT if apps.is_installed(name)]


def _may_depend(app: str, other: str) -> bool:
    """Django's and other people's apps lie below everything of ours."""
    return app == other or other not in HEIGHT or HEIGHT[other] < HEIGHT[app]


def _dependencies() -> Iterator[tuple[str, str, str]]:
    loader = MigrationLoader(None)
    for (app, name), migration in loader.disk_migrations.items():
        if app in OURS:
            yield from ((app, name, other) for other, _ in (*migration.dependencies, *migration.run_before))


def test_the_layers_were_read() -> None:
    assert LAYERS[0] == {"backoffice"}
    assert {"portal", "console", "api"} in LAYERS
    assert LAYERS[-1] == {"core", "ml"}


@pytest.mark.django_db
def test_no_migration_is_missing() -> None:
    said = StringIO()
    try:
        call_command("makemigrations", check=True, dry_run=True, stdout=said)
    except SystemExit:
        pytest.fail(said.getvalue())


def test_migrations_depend_downwards_only() -> None:
    dependencies = list(_dependencies())
    assert [one for one in dependencies if not _may_depend(one[0], one[2])] == []
    assert {app for app, _, other in dependencies if other in HEIGHT} >= {"risk", "cases", "orders"}


def test_rows_point_downwards_only() -> None:
    upwards = [
        f"{field} → {field.related_model._meta.label}"
        for app in OURS
        for model in apps.get_app_config(app).get_models()
        for field in (*model._meta.fields, *model._meta.many_to_many)
        if isinstance(field, ForeignKey | ManyToManyField)
        and not _may_depend(app, field.related_model._meta.app_label)
    ]
    assert upwards == []


@pytest.mark.parametrize("app", ["portal", "console", "api"])
def test_doors_keep_no_tables(app: str) -> None:
    assert list(apps.get_app_config(app).get_models()) == []


def test_migrations_are_named_for_what_they_do() -> None:
    loader = MigrationLoader(None)
    unnamed = [f"{app}.{name}" for app, name in loader.disk_migrations if app in OURS and "_auto_" in name]
    assert unnamed == []


def test_constraints_and_indexes_are_named_by_us() -> None:
    """A name made by Django says no rule, and refusals are mapped by name."""
    unnamed = [
        f"{model._meta.label}: {one.name}"
        for app in OURS
        for model in apps.get_app_config(app).get_models()
        for one in (*model._meta.constraints, *model._meta.indexes)
        if not one.name or one.name.startswith(f"{app}_{model._meta.model_name}_")
    ]
    assert unnamed == []
    names = [
        one.name
        for app in OURS
        for model in apps.get_app_config(app).get_models()
        for one in (*model._meta.constraints, *model._meta.indexes)
    ]
    assert len(names) == len(set(names)) > 40
