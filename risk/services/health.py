"""Writes on the health of models: a person may have it measured before the night."""

from accounts.models import User
from accounts.permissions import Permission, require
from core import outbox
from core.outbox import TaskCall


def request_measurement(*, by: User) -> None:
    """Have a worker measure every champion and shadow up to now; twice is once."""
    require(by, Permission.PROMOTE_MODELS)
    outbox.send(TaskCall("risk.tasks.monitoring.measure_models"))
