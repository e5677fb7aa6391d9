"""Drawing by a hash, and opening a case that looks like another."""

from collections.abc import Iterable
from datetime import datetime
from hashlib import blake2b

from core import journal
from core.actors import SYSTEM

from ..clocks import start_clocks
from ..models import CaseExclusion, CasePurpose, ReviewCase, Verdict
from ..priority import sort_key
from ..states import CASE


def is_drawn(share: float, *parts: object) -> bool:
    """Tell whether these are among the share that is drawn, 0–1: always the same answer.

    >>> sum(is_drawn(0.25, "order", number) for number in range(10_000))
    2463
    """
    if share <= 0:
        return False
    text = ":".join(map(str, parts))
    digest = blake2b(text.encode(), digest_size=4, person=b"second-look").digest()
    return int.from_bytes(digest, "big") < share * 2**32


def open_like(
    original: ReviewCase, purpose: CasePurpose, *, kept_away: Iterable[int], at: datetime
) -> ReviewCase:
    """Ask the question of a case again, of anybody but these and whoever had a hand in it."""
    queue = original.queue
    clocks = start_clocks(queue, at)
    case = ReviewCase(
        queue=queue,
        subject_kind=original.subject_kind,
        subject_id=original.subject_id,
        merchant_id=original.merchant_id,
        decision_id=original.decision_id,
        title=original.title,
        value_minor=original.value_minor,
        purpose=purpose,
        sort_key=sort_key(clocks.due_at, original.value_minor, head_start_hours=queue.head_start_hours),
        due_at=clocks.due_at,
        first_touch_due_at=clocks.first_touch_due_at,
        # The same as the original's: whoever may not decide that may not decide this.
        opened_by_id=original.opened_by_id,
        evidence_version=original.evidence_version,
        created_at=at,
    )
    case.save(force_insert=True)
    CASE.enter(case, actor=SYSTEM, state=case.status, action="open")
    for user_id in sorted({*kept_away, *_had_a_hand_in(original)}):
        journal.add(CaseExclusion(case=case, user_id=user_id))
    return case


def _had_a_hand_in(case: ReviewCase) -> set[int]:
    """Return who gave or signed a verdict on this case, or on another of its subject."""
    verdicts = Verdict.objects.filter(case__subject_kind=case.subject_kind, case__subject_id=case.subject_id)
    signed = verdicts.filter(second__isnull=False)
    return {*verdicts.values_list("reviewer", flat=True), *signed.values_list("second", flat=True)}
