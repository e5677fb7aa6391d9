"""Which task runs where and when."""

import importlib
import os
import subprocess
import sys
import uuid
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
from celery.app import app_or_default
from django.conf import settings

from backoffice.celery import BEAT_SCHEDULE, TASK_MODULES, app, queue_class, queue_name, queue_sizes
from backoffice.processes import worker

ROOT = Path(__file__).parents[2]
MODULES = [(queue, module) for queue, modules in TASK_MODULES.items() for module in modules]


def task_files() -> list[str]:
    """Return the dotted names of every module of ours that declares a task."""
    found = []
    for path in ROOT.glob("[a-z]*/**/*.py"):
        relative = path.relative_to(ROOT)
        is_ours = relative.parts[0] not in {"tests", "var", "static", "backoffice"}
        if is_ours and "\n@shared_task" in path.read_text():
            found.append(".".join(relative.with_suffix("").parts))
    return sorted(found)


def test_every_module_with_tasks_has_a_queue() -> None:
    assert task_files() == sorted(module for _, module in MODULES)


@pytest.mark.parametrize(("queue", "module"), MODULES)
def test_a_task_runs_where_its_module_is_loaded(queue: str, module: str) -> None:
    importlib.import_module(module)
    own = [name for name in app.tasks if name.startswith(f"{module}.")]
    assert own
    assert {queue_class(name) for name in own} == {queue}


@pytest.mark.parametrize("entry", sorted(BEAT_SCHEDULE))
def test_every_periodic_task_exists(entry: str) -> None:
    task = BEAT_SCHEDULE[entry]["task"]
    importlib.import_module(task.rpartition(".")[0])
    assert task in app.tasks


def test_a_periodic_message_does_not_outlive_its_interval() -> None:
    for entry in BEAT_SCHEDULE.values():
        if isinstance(entry["schedule"], float):
            assert entry["options"]["expires"] == entry["schedule"]


def test_queues_carry_the_installations_prefix() -> None:
    assert queue_name("decisions") == f"{settings.CELERY_QUEUE_PREFIX}.decisions"
    routed = app.amqp.router.route({}, "risk.tasks.train.retrain")
    assert routed["queue"].name == queue_name("training")
    assert app.conf.task_default_queue == queue_name("default")


def test_work_is_acknowledged_after_it_is_done_and_only_json_is_accepted() -> None:
    assert app.conf.task_acks_late
    assert app.conf.task_reject_on_worker_lost
    assert app.conf.accept_content == ["json"]
    assert app.conf.result_backend is None


def test_a_deciding_worker_never_loads_training() -> None:
    code = (
        "import sys; from backoffice.celery import app; app.loader.import_default_modules();"
        "print([name for name in sys.modules if name.endswith(('.training', 'tasks.train'))])"
    )
    environment = {**os.environ, **worker(["decisions"]).environment}
    output = subprocess.check_output([sys.executable, "-c", code], cwd=ROOT, env=environment, text=True)
    assert output == "[]\n"


def test_the_size_of_a_queue_is_what_waits_in_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """Bug this found: on Redis every queue seemed empty, because Kombu asked without the key prefix."""
    monkeypatch.setattr(settings, "CELERY_QUEUE_PREFIX", f"test-{uuid.uuid4().hex}")
    assert queue_sizes() == {"decisions": 0, "default": 0, "training": 0}
    with app.connection_for_write() as connection, connection.channel() as opened:
        channel: Any = opened
        producer, name = connection.Producer(channel), queue_name("training")
        for _ in range(2):
            producer.publish({}, routing_key=name)
        try:
            assert queue_sizes() == {"decisions": 0, "default": 0, "training": 2}
        finally:
            channel.queue_purge(name)


def test_every_thread_sends_with_the_same_application() -> None:
    """Bug this found: another test file's application was what the main thread saw, and only it."""
    seen: list[object] = [app_or_default()]
    thread = Thread(target=lambda: seen.append(app_or_default()))
    thread.start()
    thread.join()
    assert seen == [app, app]
