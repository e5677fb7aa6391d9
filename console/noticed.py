"""Notifications as their list shows them."""

from collections.abc import Sequence
from dataclasses import dataclass

from accounts.models import User
from accounts.permissions import Permission, has_permission
from cases.selectors import list_cases
from core.ids import encode
from core.ui.statuses import Tone
from delivery.models import NoticeKind, Notification
from delivery.wording import headline, href_of

_TONES = {
    NoticeKind.MENTION: Tone.PROGRESS,
    NoticeKind.ASSIGNED: Tone.WAITS,
    NoticeKind.SIGNATURE: Tone.WAITS,
    NoticeKind.REFUSED: Tone.BAD,
    NoticeKind.APPEAL: Tone.ENDED,
    NoticeKind.ANSWERED: Tone.GOOD,
    NoticeKind.LATE: Tone.BAD,
}


@dataclass(frozen=True)
class ShownNotice:
    """One notification. `title` is "" where there is no case, or it is not this reader's to see any more."""

    notice: Notification
    public_id: str
    headline: str
    title: str
    href: str
    tone: str


def read_notices(rows: Sequence[Notification], user: User) -> list[ShownNotice]:
    """Return what the list shows; one query for which of the cases the reader may still see."""
    ids = {row.case_id for row in rows if row.case_id is not None}
    may = bool(ids) and has_permission(user, Permission.REVIEW_CASES)
    seen = set(list_cases(user).filter(pk__in=ids).values_list("pk", flat=True)) if may else set()
    return [
        ShownNotice(
            notice=row,
            public_id=encode("ntc", row.pk),
            headline=headline(row),
            title=row.case.title if row.case is not None and row.case_id in seen else "",
            href=href_of(row),
            tone=str(_TONES[NoticeKind(row.kind)]),
        )
        for row in rows
    ]
