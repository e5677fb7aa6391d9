"""How journal rows become a hash chain: the digest of a row, the list of a block, the hash of a block."""

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from typing import Any

from .models import AuditBlock, AuditEntry, JournalModel, TransitionRecord

JOURNALS: dict[str, type[JournalModel]] = {"audit": AuditEntry, "transition": TransitionRecord}
FIRST_HASH = "0" * 64
_ID_BYTES, _DIGEST_BYTES = 8, 32
_ENTRY_BYTES = _ID_BYTES + _DIGEST_BYTES

Row = Mapping[str, Any]


def rows_of(journal: str, *, limit: int | None = None, **which: object) -> Iterator[Row]:
    """Yield a journal's rows in id order, each as field name → value, without its block."""
    model = JOURNALS[journal]
    names = [field.attname for field in model._meta.concrete_fields if field.name != "block"]
    yield from model._default_manager.filter(**which).order_by("id").values(*names)[:limit]


def list_digests(rows: Iterable[Row]) -> bytes:
    """Return what a block keeps of its rows: for each its id (8 bytes, big-endian) and its SHA-256."""
    return b"".join(
        row["id"].to_bytes(_ID_BYTES, "big") + hashlib.sha256(_text(row)).digest() for row in rows
    )


def read_digests(digests: bytes) -> dict[int, bytes]:
    """Return row id → SHA-256 of a block's list."""
    starts = range(0, len(digests), _ENTRY_BYTES)
    return {
        int.from_bytes(digests[start : start + _ID_BYTES], "big"): digests[
            start + _ID_BYTES : start + _ENTRY_BYTES
        ]
        for start in starts
    }


def hash_block(
    *, number: int, journal: str, previous_hash: str, row_count: int, sealed_at: datetime, digests: bytes
) -> str:
    """Return the hash that covers everything a block says, and through `previous_hash` all before it."""
    head = f"{number}:{journal}:{previous_hash}:{row_count}:{sealed_at.timestamp():.6f}:"
    return hashlib.sha256(head.encode() + digests).hexdigest()


def hash_of(block: AuditBlock) -> str:
    """Return what the block's hash has to be by what the block itself says."""
    return hash_block(
        number=block.number,
        journal=block.journal,
        previous_hash=block.previous_hash,
        row_count=block.row_count,
        sealed_at=block.sealed_at,
        digests=bytes(block.digests),
    )


def hash_without_digests(block: AuditBlock, rows: Iterable[Row]) -> str:
    """Return the hash of a block sealed before blocks kept a list: over the rows themselves."""
    digest = hashlib.sha256(f"{block.previous_hash}:{block.journal}:{block.row_count}".encode())
    for row in rows:
        digest.update(_text(row))
    return digest.hexdigest()


def _text(row: Row) -> bytes:
    """One spelling per content: sorted keys, moments in UTC as the databases give them."""
    return json.dumps(row, sort_keys=True, default=str, ensure_ascii=False).encode()
