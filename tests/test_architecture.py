"""The house plan, kept: layers, no hidden calls, no module that nobody reads to its end."""

import ast
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.apps import apps
from django.contrib.contenttypes.fields import GenericForeignKey

from tests.risk.versions import make_tree_model

ROOT = Path(__file__).resolve().parents[1]
OURS = sorted(path.parent.name for path in ROOT.glob("*/__init__.py") if path.parent.name != "tests")
DOORS = ("portal", "console", "api")
MAX_LINES = 450


def _sources(*folders: str) -> Iterator[Path]:
    for folder in folders:
        yield from (path for path in (ROOT / folder).rglob("*.py") if "migrations" not in path.parts)


def _imports(path: Path) -> Iterator[str]:
    """Yield the dotted name of everything a module imports, relative ones from the root."""
    package = path.relative_to(ROOT).with_suffix("").parts[:-1]
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            parents = package[: len(package) - node.level + 1] if node.level else ()
            base = ".".join((*parents, *((node.module,) if node.module else ())))
            yield from (f"{base}.{alias.name}" for alias in node.names)


def _name(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def test_every_package_is_known() -> None:
    """A new one has to be given its layer in .importlinter."""
    listed = (ROOT / ".importlinter").read_text().split("root_packages =")[1].split("include_external")[0]
    assert set(OURS) - {"benchmarks"} == set(listed.split())


@pytest.mark.slow
def test_imports_run_downwards_only() -> None:
    linter = Path(sys.executable).parent / "lint-imports"
    result = subprocess.run([linter, "--no-cache"], cwd=ROOT, capture_output=True, text=True)
    assert result.returncode == 0, result.stdout
    assert " 0 broken" in result.stdout


def test_no_signal_calls_what_nobody_reads_at_the_place_of_the_call() -> None:
    """Celery's own log hook is no signal of the domain; it is in backoffice/, which is not looked at."""
    forbidden = ("django.dispatch", "django.db.models.signals", "django.core.signals")
    found = [
        f"{_name(path)}: {name}"
        for path in _sources(*(package for package in OURS if package != "backoffice"))
        for name in _imports(path)
        if name.startswith(forbidden)
    ]
    assert found == []


def test_no_model_has_a_generic_foreign_key() -> None:
    generic = [
        f"{model._meta.label}.{field.name}"
        for package in OURS
        if apps.is_installed(package)
        for model in apps.get_app_config(package).get_models()
        for field in model._meta.private_fields
        if isinstance(field, GenericForeignKey)
    ]
    assert generic == []


def test_doors_call_services_and_never_tasks() -> None:
    found = [
        f"{_name(path)}: {name}"
        for path in _sources(*DOORS)
        for name in _imports(path)
        if "tasks" in name.split(".") or name.startswith("celery")
    ]
    assert found == []


def test_only_the_outbox_sends_tasks() -> None:
    """Whoever sends by itself sends before the commit, or for one that never comes."""
    sends = (".delay(", ".apply_async(", ".send_task(", "on_commit(")
    found = [
        _name(path)
        for path in _sources(*(package for package in OURS if package not in {"backoffice", "benchmarks"}))
        if any(send in path.read_text() for send in sends)
    ]
    assert found == ["core/outbox.py"]


def test_no_logic_hides_in_save_or_delete_of_a_model() -> None:
    hidden = [
        f"{model._meta.label}.{method}"
        for package in OURS
        if apps.is_installed(package)
        for model in apps.get_app_config(package).get_models()
        for method in ("save", "delete", "clean")
        if method in vars(model)
    ]
    assert hidden == []


def test_no_module_is_longer_than_people_read() -> None:
    lengths = {_name(path): len(path.read_text().splitlines()) for path in _sources(*OURS, "tests")}
    assert {name: lines for name, lines in lengths.items() if lines > MAX_LINES} == {}


def test_no_module_is_a_drawer() -> None:
    drawers = {"utils", "util", "helpers", "helper", "manager", "managers", "misc", "common"}
    assert [_name(path) for path in _sources(*OURS, "tests") if path.stem in drawers] == []


# A process of its own, because this one has long imported everything.
_DECIDE = """
import django, os, sys
django.setup()
from django.conf import settings
from django.core.management import call_command
settings.MEDIA_ROOT = sys.argv[2]
call_command("migrate", verbosity=0)

from pathlib import Path
from cases.services import ensure_default_queues
from core.actors import SYSTEM
from intake.pipeline import submit_order
from ml.artifacts import ModelArtifact
from tests.make import NOON, make_live_ruleset, make_merchant, make_new_order
from tests.risk.versions import store

ensure_default_queues()
make_live_ruleset()
store(ModelArtifact.from_bytes(Path(sys.argv[1]).read_bytes()), "order")
decision = submit_order(make_merchant(), make_new_order(), actor=SYSTEM, at=NOON).decision
assert decision.score is not None and decision.degraded == [], decision.degraded
print(*sorted({"lightgbm", "sklearn", "pandas", "risk.training"} & sys.modules.keys()))
"""


@pytest.mark.slow
@pytest.mark.django_db
def test_a_process_that_decides_never_loads_scikit_learn(tmp_path: Path) -> None:
    """It would cost each worker 100 MB and a second of its start."""
    version = make_tree_model(("order_amount_minor", "device_orders_24h_count"))
    environment = {
        **os.environ,
        "DJANGO_SETTINGS_MODULE": "backoffice.settings",
        "DATABASE_URL": f"sqlite:///{tmp_path}/fresh.sqlite3",
        "REDIS_URL": "",
        "BACKOFFICE_VAR": str(tmp_path),
    }
    result = subprocess.run(
        [sys.executable, "-c", _DECIDE, version.artifact.path, str(tmp_path / "media")],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
    )
    assert result.returncode == 0, result.stderr
    assert result.stdout.split() == ["lightgbm"]


def test_the_development_list_pins_everything_that_the_application_does() -> None:
    """A fresh clone installs that list alone: what is missing from it is missing nowhere else."""
    pins = {
        name: set(re.findall(r"^[\w.-]+==\S+", (ROOT / name).read_text(), re.MULTILINE))
        for name in ("requirements.txt", "requirements-dev.txt")
    }
    assert pins["requirements.txt"] - pins["requirements-dev.txt"] == set()
