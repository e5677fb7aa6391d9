"""Verify the audit chain: find the first place where what is stored is not what was sealed."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from .anchors import read_heads
from .audit import SETTLING
from .chain import (
    FIRST_HASH,
    JOURNALS,
    Row,
    hash_of,
    hash_without_digests,
    list_digests,
    read_digests,
    rows_of,
)
from .models import AuditBlock

# Each block keeps up to 200 kB of digests; a few at a time bound the memory.
_BLOCKS_AT_ONCE = 20


class Damage(StrEnum):
    ROW_ALTERED = "row_altered"
    ROW_MISSING = "row_missing"
    ROW_INSERTED = "row_inserted"
    BLOCK_ALTERED = "block_altered"  # its hash does not match what it says, or it follows another block
    BLOCK_MISSING = "block_missing"
    END_MISSING = "end_missing"  # the chain ends before a head that was kept outside the database
    END_REPLACED = "end_replaced"  # the chain has another block where such a head stood


@dataclass(frozen=True)
class Break:
    """The first block that does not hold, and the ids of the rows that differ where the block knows them."""

    block: int
    damage: Damage
    journal: str = ""
    rows: tuple[int, ...] = ()


@dataclass(frozen=True)
class Verification:
    """What a run over the whole chain found.

    waiting    rows not sealed yet, within their settling time: normal
    overdue    rows that should have been sealed: no sealer runs, and nothing protects them yet
    """

    blocks: int
    rows: int
    broken: Break | None
    waiting: int
    overdue: int

    @property
    def is_whole(self) -> bool:
        return self.broken is None


def verify(*, at: datetime, progress: Callable[[int], None] = lambda blocks: None) -> Verification:
    """Read every block and its rows in order, until the first break; memory is bounded by one block.

    progress    called with the number of blocks done
    """
    # First, so that every head kept by now belongs to a block that is read below.
    heads = read_heads()
    blocks = rows = 0
    broken, previous, expected = None, FIRST_HASH, 1
    for block in AuditBlock.objects.order_by("number").iterator(chunk_size=_BLOCKS_AT_ONCE):
        broken = _find_break(block, previous, expected, heads)
        if broken is not None:
            break
        blocks, rows, previous, expected = blocks + 1, rows + block.row_count, block.hash, block.number + 1
        progress(blocks)
    if broken is None and any(number >= expected for number in heads):
        broken = Break(expected, Damage.END_MISSING)
    waiting, overdue = _count_unsealed(at)
    return Verification(blocks, rows, broken, waiting, overdue)


def _find_break(block: AuditBlock, previous: str, expected: int, heads: dict[int, str]) -> Break | None:
    if block.number != expected:
        return Break(expected, Damage.BLOCK_MISSING)
    if block.previous_hash != previous:
        return Break(block.number, Damage.BLOCK_ALTERED, block.journal)
    found = _find_rows_break(block) if block.digests else _find_old_break(block)
    if found is None and heads.get(block.number, block.hash) != block.hash:
        return Break(block.number, Damage.END_REPLACED, block.journal)
    return found


def _find_rows_break(block: AuditBlock) -> Break | None:
    """Compare the block with itself, then the rows with the block's list of them."""
    if block.journal not in JOURNALS or hash_of(block) != block.hash:
        return Break(block.number, Damage.BLOCK_ALTERED, block.journal)
    stored = list_digests(rows_of(block.journal, block_id=block.number))
    if stored == bytes(block.digests):
        return None
    sealed, present = read_digests(bytes(block.digests)), read_digests(stored)
    differing = {
        Damage.ROW_MISSING: sealed.keys() - present.keys(),
        Damage.ROW_INSERTED: present.keys() - sealed.keys(),
        Damage.ROW_ALTERED: {id for id in sealed.keys() & present.keys() if sealed[id] != present[id]},
    }
    damage = next(damage for damage, ids in differing.items() if ids)
    return Break(block.number, damage, block.journal, tuple(sorted(differing[damage])))


def _find_old_break(block: AuditBlock) -> Break | None:
    """Check a block that keeps no list: it tells that a row differs, and not which."""
    if block.journal not in JOURNALS:
        return Break(block.number, Damage.BLOCK_ALTERED, block.journal)
    rows: list[Row] = list(rows_of(block.journal, block_id=block.number))
    if len(rows) != block.row_count:
        damage = Damage.ROW_MISSING if len(rows) < block.row_count else Damage.ROW_INSERTED
        return Break(block.number, damage, block.journal)
    if hash_without_digests(block, rows) != block.hash:
        return Break(block.number, Damage.ROW_ALTERED, block.journal)
    return None


def _count_unsealed(at: datetime) -> tuple[int, int]:
    waiting = overdue = 0
    # A sealing a minute and the settling time: older than three of both is late.
    late = at - 3 * (SETTLING + SETTLING)
    for model in JOURNALS.values():
        unsealed = model._default_manager.filter(block=None)
        old = unsealed.filter(created_at__lt=late).count()
        waiting, overdue = waiting + unsealed.count() - old, overdue + old
    return waiting, overdue
