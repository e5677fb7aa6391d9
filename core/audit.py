"""The audit trail: record what was done, seal it in a hash chain, verify the chain.

Rows are written with the work they describe. A sealer takes the rows of
finished transactions in blocks, and each block's SHA-256 covers its rows and
the block before it, so that a changed or removed row no longer adds up.
"""

import hashlib
import json
from datetime import datetime, timedelta
from typing import Any

from django.db import transaction
from django.forms.models import model_to_dict
from django.utils import timezone

from . import journal, requests
from .actors import Actor
from .locks import try_lock
from .models import AuditBlock, AuditEntry, JournalModel, TransitionRecord
from .refs import Ref

_JOURNALS: dict[str, type[JournalModel]] = {"audit": AuditEntry, "transition": TransitionRecord}
_FIRST_HASH = "0" * 64
# Longer than any transaction of ours runs, so that a block is never sealed under a row still to come.
_SETTLING = timedelta(seconds=30)
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
    made = 0
    for name in _JOURNALS:
        while _seal_one(name, at - _SETTLING):
            made += 1
    return made


def find_broken_block() -> AuditBlock | None:
    """Return the first block whose rows or predecessor no longer match its hash, None if all do."""
    previous = _FIRST_HASH
    for block in AuditBlock.objects.order_by("number").iterator():
        rows = list(_JOURNALS[block.journal]._default_manager.filter(block=block).order_by("id"))
        if block.previous_hash != previous or block.hash != _hash(previous, block.journal, rows):
            return block
        previous = block.hash
    return None


def _seal_one(name: str, before: datetime) -> bool:
    """Seal one block of a journal; False if nothing is left, or somebody else is sealing."""
    model = _JOURNALS[name]
    with transaction.atomic():
        if not try_lock("core.audit"):  # two sealers would chain to the same predecessor
            return False
        rows = list(
            model._default_manager.filter(block=None, created_at__lt=before).order_by("id")[:BLOCK_ROWS]
        )
        if not rows:
            return False
        last = AuditBlock.objects.order_by("-number").first()
        previous = last.hash if last else _FIRST_HASH
        block = AuditBlock.objects.create(
            number=last.number + 1 if last else 1,
            journal=name,
            row_count=len(rows),
            previous_hash=previous,
            hash=_hash(previous, name, rows),
            sealed_at=before + _SETTLING,
        )
        model._default_manager.filter(pk__in=[row.pk for row in rows]).update(block=block)
    return True


def _hash(previous: str, name: str, rows: list[Any]) -> str:
    digest = hashlib.sha256(f"{previous}:{name}:{len(rows)}".encode())
    for row in rows:
        content = {"id": row.pk, **model_to_dict(row, exclude=["block"])}
        digest.update(json.dumps(content, sort_keys=True, default=str, ensure_ascii=False).encode())
    return digest.hexdigest()
