"""The audit trail: record what was done, and seal it in a hash chain.

Rows are written with the work they describe. A sealer takes the rows of
finished transactions in blocks; each block's SHA-256 covers its rows and
the block before it, so that a changed or removed row no longer adds up
(`core.verification`). Writers touch no block and never wait for the sealer.
"""

from datetime import datetime, timedelta
from typing import Any

from django.db import transaction
from django.utils import timezone

from . import journal, requests
from .actors import Actor
from .anchors import keep_head
from .chain import FIRST_HASH, JOURNALS, hash_of, list_digests, rows_of
from .locks import try_lock
from .models import AuditBlock, AuditEntry
from .refs import Ref

# Longer than any transaction of ours runs, so that a block is never sealed under a row still to come.
SETTLING = timedelta(seconds=30)
BLOCK_ROWS = 5_000


def record(action: str, *, actor: Actor, subject: Ref, detail: dict[str, Any] | None = None) -> None:
    """Journal one write. `detail` holds ids, codes and counts, never personal data."""
    journal.add(
        AuditEntry(
            action=action,
            actor_kind=actor.kind,
            actor_id=actor.id,
            subject_kind=subject.kind,
            subject_id=subject.id,
            detail=detail or {},
            request_id=requests.current_id(),
            created_at=timezone.now(),
        )
    )


def seal(*, at: datetime) -> int:
    """Seal the rows written before `at` minus the settling time; return how many blocks were made."""
    made, head = 0, None
    for name in JOURNALS:
        while block := _seal_one(name, at):
            made, head = made + 1, block
    if head is not None:
        keep_head(head)
    return made


def _seal_one(name: str, at: datetime) -> AuditBlock | None:
    """Seal one block of a journal; None if nothing is left, or somebody else is sealing."""
    with transaction.atomic():
        if not try_lock("core.audit"):  # two sealers would chain to the same predecessor
            return None
        rows = list(rows_of(name, limit=BLOCK_ROWS, block=None, created_at__lt=at - SETTLING))
        if not rows:
            return None
        last = AuditBlock.objects.defer("digests").order_by("-number").first()
        block = AuditBlock(
            number=last.number + 1 if last else 1,
            journal=name,
            row_count=len(rows),
            previous_hash=last.hash if last else FIRST_HASH,
            sealed_at=at,
            digests=list_digests(rows),
        )
        block.hash = hash_of(block)
        block.save(force_insert=True)
        sealed = JOURNALS[name]._default_manager.filter(pk__in=[row["id"] for row in rows])
        sealed.update(block=block)
    return block
