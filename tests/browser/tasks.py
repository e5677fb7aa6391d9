"""Tasks without a worker: they run where they are sent, and a walk hears of those that fail."""

from collections.abc import Callable
from importlib import import_module
from traceback import format_exc

from celery import current_app

failed_tasks: list[str] = []  # of the present walk


def run_tasks_at_once() -> Callable[..., None]:
    """Return a stand-in for sending a task to a worker: the same function runs right after the commit.

    A site forgives a send that fails and waits for its sweeper. A walk has none: it fails by `failed_tasks`.
    """

    def send_task(name: str, args: object = None, **_: object) -> None:
        try:
            import_module(name.rpartition(".")[0])  # whichever queues an earlier test chose to load
            current_app.tasks[name](*(args or ()))  # type: ignore[misc]
        except Exception:
            failed_tasks.append(f"{name} failed: {format_exc()}")
            raise

    return send_task
