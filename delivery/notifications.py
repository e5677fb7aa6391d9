"""News for people: who hears of which event, each once.

One consumer at a time reads the numbered events of the outbox from where it
stopped, and moves its mark in the transaction that writes the notifications:
after a crash it begins again where it was, and nobody hears twice.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import F, Max

from accounts.models import User
from cases.models import (
    Appeal,
    CaseExclusion,
    CaseStatus,
    Queue,
    ReviewCase,
    Verdict,
    VerdictKind,
    VerdictStatus,
)
from cases.open_queues import people_of
from core.locks import try_lock
from core.models import OutboxEvent

from .choices import channels_for
from .models import Channel, Consumer, NoticeKind, Notification

BATCH = 200
_NAME = "notifications"
# A lead hears of a queue while there is time to send somebody, and again when the last word is old.
LATE_AHEAD = timedelta(hours=1)
LATE_AGAIN_AFTER = timedelta(hours=4)
KEPT_FOR = timedelta(days=90)


@dataclass(frozen=True)
class _News:
    """What an event is to people. Gathered news raises what is unread instead of adding to it."""

    kind: str
    users: frozenset[int]
    case_id: int | None
    by_id: int | None = None
    detail: str = ""
    is_gathered: bool = False


def consume(*, at: datetime) -> int:
    """Turn the events since the last run into notifications; return how many events it read."""
    done = 0
    while (read := _consume_batch(at)) > 0:
        done += read
        if read < BATCH:
            break
    return done


def warn_leads(*, at: datetime) -> int:
    """Tell leads of queues whose first case falls due within LATE_AHEAD, or has; return how many."""
    told = 0
    with transaction.atomic():
        if not try_lock("delivery.late"):
            return 0
        for queue in Queue.objects.filter(lead__isnull=False, lead__is_active=True):
            waiting = ReviewCase.objects.filter(
                queue=queue, status__in=[CaseStatus.QUEUED, CaseStatus.CLAIMED]
            )
            first = waiting.order_by("due_at").values_list("due_at", flat=True).first()
            if first is None or first > at + LATE_AHEAD:
                continue
            earlier = Notification.objects.filter(user=queue.lead_id, kind=NoticeKind.LATE, queue=queue)
            if earlier.filter(created_at__gt=at - LATE_AGAIN_AFTER).exists():
                continue
            assert queue.lead_id is not None
            news = _News(NoticeKind.LATE, frozenset({queue.lead_id}), None)
            told += _tell(news, event_id=None, queue=queue, at=at)
    return told


def forget_old(*, at: datetime) -> int:
    """Delete what was read and is old; return how many."""
    old = Notification.objects.filter(created_at__lt=at - KEPT_FOR, read_at__isnull=False)
    count, _of_each = old.delete()
    return count


def _consume_batch(at: datetime) -> int:
    with transaction.atomic():
        if not try_lock("delivery.notifications"):
            return 0
        mark, _is_new = Consumer.objects.select_for_update().get_or_create(name=_NAME)
        last = OutboxEvent.objects.aggregate(last=Max("sequence"))["last"] or 0
        wanted = OutboxEvent.objects.filter(
            sequence__gt=mark.sequence, sequence__lte=last, type__in=list(_READERS)
        )
        events = list(wanted.order_by("sequence")[:BATCH])
        for event in events:
            for news in _READERS[event.type](event):
                _tell(news, event_id=event.pk, at=event.created_at)
        mark.sequence = events[-1].sequence or last if len(events) == BATCH else last
        mark.save(update_fields=["sequence"])
    return len(events)


def _tell(news: _News, *, event_id: int | None, at: datetime, queue: Queue | None = None) -> int:
    """Write the news for each person who wants it and has not heard; return for how many."""
    heard = Notification.objects.filter(event_id=event_id, user__in=news.users) if event_id else None
    active = User.objects.filter(pk__in=news.users, is_active=True).values_list("pk", flat=True)
    users = set(active) - (set(heard.values_list("user_id", flat=True)) if heard else set())
    channels = {user: one for user, one in channels_for(users, news.kind).items() if one != Channel.OFF}
    if news.is_gathered:
        unread = Notification.objects.filter(user__in=channels, kind=news.kind, read_at=None)
        gathered = set(unread.values_list("user_id", flat=True))
        unread.update(count=F("count") + 1, event_id=event_id)
        channels = {user: one for user, one in channels.items() if user not in gathered}
    Notification.objects.bulk_create(
        Notification(
            user_id=user,
            kind=news.kind,
            event_id=event_id,
            case_id=None if news.is_gathered else news.case_id,
            queue=queue,
            by_id=news.by_id,
            detail=news.detail,
            channel=channel,
            created_at=at,
        )
        for user, channel in sorted(channels.items())
    )
    return len(channels)


# ── Who hears of what ────────────────────────────────────────────────────────────────────────────
def _read_note(event: OutboxEvent) -> Iterable[_News]:
    users = frozenset(event.payload["mentions"])
    yield _News(NoticeKind.MENTION, users, event.subject_id, event.payload["by"])


def _read_assignment(event: OutboxEvent) -> Iterable[_News]:
    users = frozenset({event.payload["assignee"]})
    yield _News(NoticeKind.ASSIGNED, users, event.subject_id, event.payload["by"])


def _read_signature(event: OutboxEvent) -> Iterable[_News]:
    """Tell whoever may sign, unless it was signed or taken back before anybody was told."""
    verdict = _find_verdict(event)
    if verdict is None or verdict.status != VerdictStatus.AWAITING_SECOND:
        return
    case = verdict.case
    people = people_of(case.queue).exclude(
        pk__in=[pk for pk in (verdict.reviewer_id, case.opened_by_id) if pk]
    )
    if case.merchant_id:
        people = people.exclude(memberships__merchant_id=case.merchant_id)
    excluded = CaseExclusion.objects.filter(case=case).values("user_id")
    users = frozenset(people.exclude(pk__in=excluded).values_list("pk", flat=True))
    yield _News(NoticeKind.SIGNATURE, users, case.pk, is_gathered=True)


def _read_refusal(event: OutboxEvent) -> Iterable[_News]:
    if (verdict := _find_verdict(event)) is not None:
        yield _News(
            NoticeKind.REFUSED, frozenset({verdict.reviewer_id}), event.subject_id, event.payload["by"]
        )


def _read_answer(event: OutboxEvent) -> Iterable[_News]:
    asked = Verdict.objects.filter(
        case=event.subject_id, kind=VerdictKind.REQUEST_INFO, status=VerdictStatus.EFFECTIVE
    )
    last = asked.order_by("-pk").values_list("reviewer_id", flat=True).first()
    if last is not None:
        yield _News(NoticeKind.ANSWERED, frozenset({last}), event.subject_id)


def _read_appeal(event: OutboxEvent) -> Iterable[_News]:
    """Tell who gave and who signed the verdict that was appealed; a decision of the system has nobody."""
    appeal = Appeal.objects.select_related("statement").filter(pk=event.payload["appeal"]).first()
    if appeal is None:
        return
    statement = appeal.statement
    judged = Verdict.objects.filter(
        case__subject_kind=statement.subject_kind,
        case__subject_id=statement.subject_id,
        status=VerdictStatus.EFFECTIVE,
        kind=VerdictKind.REJECT,
    ).exclude(case=appeal.case_id)
    verdict = judged.order_by("-pk").first()
    if verdict is not None:
        people = frozenset(pk for pk in (verdict.reviewer_id, verdict.second_id) if pk)
        yield _News(NoticeKind.APPEAL, people, verdict.case_id, detail=event.payload["status"])


def _find_verdict(event: OutboxEvent) -> Verdict | None:
    verdicts = Verdict.objects.select_related("case__queue")
    return verdicts.filter(pk=event.payload["verdict"]).first()


_READERS: Mapping[str, Callable[[OutboxEvent], Iterable[_News]]] = {
    "review_case.note_added": _read_note,
    "review_case.assigned": _read_assignment,
    "review_case.signature_wanted": _read_signature,
    "review_case.verdict_refused": _read_refusal,
    "review_case.answered": _read_answer,
    "appeal.upheld": _read_appeal,
    "appeal.denied": _read_appeal,
}
