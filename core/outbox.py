"""News for whoever is above or outside: a row in the same transaction, a send on commit.

This is the only place that registers an on-commit send. A send that fails is
logged and forgotten: the row is the truth, and a sweeper finds what was missed.
"""

import logging
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from celery import current_app
from django.db import transaction
from django.utils import timezone

from . import journal, requests
from .models import OutboxEvent
from .refs import Ref

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class TaskCall:
    """A task by its registered name, with JSON arguments."""

    name: str
    args: Sequence[Any] = field(default_factory=tuple)


def record(
    event_type: str,
    *,
    subject: Ref,
    merchant_id: int | None,
    payload: dict[str, Any] | None = None,
    send: Sequence[TaskCall] = (),
) -> None:
    """Journal an event (its type is one of the stable names of the API) and send tasks on commit."""
    journal.add(
        OutboxEvent(
            type=event_type,
            subject_kind=subject.kind,
            subject_id=subject.id,
            merchant_id=merchant_id,
            payload=payload or {},
            request_id=requests.current_id(),
            created_at=timezone.now(),
        )
    )
    for call in send:
        transaction.on_commit(partial(_send, call))


def send(call: TaskCall) -> None:
    """Send a task on commit that is no news to anybody."""
    transaction.on_commit(partial(_send, call))


def _send(call: TaskCall) -> None:
    try:
        current_app.send_task(call.name, args=list(call.args))
    except Exception:
        logger.exception("send_failed", extra={"task": call.name})
