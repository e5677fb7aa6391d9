"""One answer per (credential, key): the stored response commits with the work it describes."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import sha256

from django.utils import timezone

from . import journal
from .errors import Conflict, DomainError
from .locks import try_lock_and_read
from .models import IdempotencyKey

RETENTION = timedelta(hours=24)
_STORED = "SELECT fingerprint, status, body FROM core_idempotencykey WHERE credential = %s AND key = %s"


class KeyReused(DomainError):
    """The key came back with another payload."""

    http_status = 422
    default_code = "idempotency_key_reused"


class InFlight(Conflict):
    """The same key is being worked on right now; `extra["retry_after"]` in seconds."""

    default_code = "request_in_flight"


@dataclass(frozen=True)
class Answer:
    """What was, or will be, sent back. `is_replay` tells a stored answer from a fresh one."""

    status: int
    body: bytes
    is_replay: bool = False


def run_once(credential: str, key: str, payload: bytes, work: Callable[[], Answer]) -> Answer:
    """Return the stored answer, or do the work and store its answer in the same commit.

    409 and 5xx answers are never stored: `work` raises for those, and the
    transaction takes the key row back with it. Raises KeyReused, or InFlight
    while the same key is being worked on; on SQLite the second waits instead.
    """
    fingerprint = sha256(payload).hexdigest()
    with journal.unit():
        name = f"idempotency\0{credential}\0{key}"
        is_mine, stored = try_lock_and_read(name, _STORED, [credential, key])
        if not is_mine:
            raise InFlight("The same request is still being worked on.", extra={"retry_after": 1})
        if stored:
            used_for, status, body = stored
            if used_for != fingerprint:
                raise KeyReused("This Idempotency-Key was already used with another payload.")
            return Answer(status, bytes(body), is_replay=True)
        answer = work()
        journal.add(
            IdempotencyKey(
                credential=credential,
                key=key,
                fingerprint=fingerprint,
                status=answer.status,
                body=answer.body,
                created_at=timezone.now(),
            )
        )
    return answer


def delete_expired(*, at: datetime) -> int:
    """Delete answers past their retention; return how many."""
    deleted, _ = IdempotencyKey.objects.filter(created_at__lt=at - RETENTION).delete()
    return deleted
