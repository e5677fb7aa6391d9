"""Who hears of what, each once."""

from datetime import timedelta
from typing import Any

import pytest
from django.db import IntegrityError, transaction

from accounts.models import User
from cases.models import Queue, ReviewCase, Verdict
from cases.notes import add_note
from cases.services import claim_case, claim_next, open_case, record_verdict, refuse_verdict, sign_verdict
from cases.settling import undo_verdict
from cases.verdicts import NewVerdict
from core.actors import SYSTEM
from core.models import OutboxEvent
from core.refs import Ref
from delivery import inbox
from delivery.choices import choose
from delivery.models import Channel, Consumer, NoticeKind, Notification
from delivery.notifications import KEPT_FOR, LATE_AGAIN_AFTER, consume, forget_old, warn_leads
from delivery.sequencer import sequence
from delivery.wording import headline
from merchants.models import Membership
from tests.cases.appealed import appeal, refused
from tests.cases.builders import NOON, make_case, make_queue, make_reviewer
from tests.cases.test_effects import _decide, application_case
from tests.make import make_merchant

pytestmark = pytest.mark.django_db


def tell() -> list[Notification]:
    """Number the events, consume them, and return all notifications, oldest first."""
    sequence()
    consume(at=NOON)
    return list(Notification.objects.order_by("pk"))


def told() -> list[tuple[str, str]]:
    return [(one.kind, one.user.email.split("@")[0]) for one in tell()]


def give(case: ReviewCase, user: User, kind: str, **values: Any) -> Verdict:
    new = NewVerdict(
        kind=kind, claim_token=case.claim_token, evidence_version=case.evidence_version, **values
    )
    return record_verdict(case, new, reviewer=user, at=NOON, undo_for=timedelta(minutes=1))


def signable(reviewer: User, **fields: Any) -> Verdict:
    queue = make_queue()
    Queue.objects.filter(pk=queue.pk).update(second_sign_from_minor=100)
    queue.refresh_from_db()
    case = claim_case(make_case(queue=queue, value_minor=500, **fields), reviewer, at=NOON)
    return give(case, reviewer, "approve")


def test_whom_a_note_calls_hears_once_however_often_it_is_read() -> None:
    author, maya = make_reviewer(), make_reviewer("maya@example.com")
    add_note(make_case(), text="@maya", author=author, at=NOON)
    assert told() == [("mention", "maya")]
    assert told() == [("mention", "maya")]
    # As if the mark had been lost: the database knows who has heard.
    Consumer.objects.update(sequence=0)
    assert told() == [("mention", "maya")]
    notice = Notification.objects.get()
    with pytest.raises(IntegrityError), transaction.atomic():
        Notification.objects.create(
            user=maya, kind="mention", event_id=notice.event_id, channel="mail", created_at=NOON
        )


def test_an_event_that_has_no_number_yet_is_not_passed_over() -> None:
    author = make_reviewer()
    make_reviewer("maya@example.com")
    case = make_case()
    add_note(case, text="@maya one", author=author, at=NOON)
    sequence()
    add_note(case, text="@maya two", author=author, at=NOON)
    assert consume(at=NOON) == 1
    assert len(tell()) == 2


def test_a_crash_in_the_middle_leaves_nothing_and_the_next_run_everything(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    author = make_reviewer()
    make_reviewer("maya@example.com")
    add_note(make_case(), text="@maya", author=author, at=NOON)
    sequence()
    save = Consumer.save

    def crash(*_: object, **__: object) -> None:
        raise RuntimeError("killed")

    monkeypatch.setattr(Consumer, "save", crash)
    with pytest.raises(RuntimeError):
        consume(at=NOON)
    assert not Notification.objects.exists()
    monkeypatch.setattr(Consumer, "save", save)
    assert told() == [("mention", "maya")]


def test_a_case_given_to_somebody_is_news_to_them() -> None:
    lin, maya = make_reviewer(), make_reviewer("maya@example.com")
    case = claim_case(make_case(), lin, at=NOON)
    give(case, lin, "escalate", reason_codes=("other",), assignee_id=maya.pk)
    assert told() == [("assigned", "maya")]
    assert headline(Notification.objects.get()) == "Lin gave you a case"


class TestSignatures:
    def test_those_who_may_sign_hear_and_nobody_else(self) -> None:
        merchant = make_merchant()
        lin = make_reviewer()
        seller = make_reviewer("seller@example.com")
        Membership.objects.create(user=seller, merchant=merchant, role="owner")
        make_reviewer("maya@example.com")
        User.objects.create_user("nobody@example.com")
        signable(lin, merchant_id=merchant.pk)
        assert told() == [("signature", "maya")]

    def test_several_are_gathered_while_one_is_unread(self) -> None:
        lin, maya = make_reviewer(), make_reviewer("maya@example.com")
        for _ in range(3):
            signable(lin)
        (notice,) = tell()
        assert (notice.count, headline(notice)) == (3, "3 verdicts have asked for a second signature")
        inbox.mark_read(maya, at=NOON)
        signable(lin)
        assert [one.count for one in tell()] == [3, 1]

    def test_what_was_taken_back_before_is_no_news(self) -> None:
        lin = make_reviewer()
        make_reviewer("maya@example.com")
        undo_verdict(signable(lin), lin, at=NOON)
        assert told() == []

    def test_a_refusal_is_news_to_the_first(self) -> None:
        lin, maya = make_reviewer(), make_reviewer("maya@example.com")
        refuse_verdict(signable(lin), maya, note="No.", at=NOON)
        assert told() == [("refused", "lin")]

    def test_a_signature_is_no_news_to_the_first(self) -> None:
        lin, maya = make_reviewer(), make_reviewer("maya@example.com")
        sign_verdict(signable(lin), maya, at=NOON, undo_for=timedelta(minutes=1))
        assert told() == []


def test_an_answer_is_news_to_who_asked() -> None:
    user = make_reviewer()
    make_reviewer("maya@example.com")
    case = application_case(user)
    _decide(case, user, "request_info", "document_missing", requested=("document_licence",))
    open_case(None, subject=Ref("application", case.subject_id), title="again", value_minor=0, at=NOON)
    assert told() == [("answered", "lin")]


@pytest.mark.parametrize(("kind", "word"), [("approve", "upheld"), ("reject", "denied")])
def test_a_decided_appeal_is_news_to_who_was_appealed_against(kind: str, word: str) -> None:
    first, second = make_reviewer("first@example.com"), make_reviewer("second@example.com")
    _order, statement = refused("order", first)
    case = claim_case(appeal(statement).case, second, at=NOON)
    new = NewVerdict(
        kind=kind,
        claim_token=case.claim_token,
        evidence_version=case.evidence_version,
        reason_codes=("other",),
    )
    record_verdict(case, new, reviewer=second, at=NOON)
    assert told() == [("appeal", "first")]
    assert headline(Notification.objects.get()) == f"An appeal against your decision was {word}"


class TestLateQueues:
    def test_a_lead_hears_ahead_and_not_again_for_hours(self) -> None:
        lead = make_reviewer("lead@example.com")
        queue = make_queue()
        Queue.objects.filter(pk=queue.pk).update(lead=lead)
        make_case(queue=queue, due_at=NOON + timedelta(hours=2))
        assert warn_leads(at=NOON) == 0
        later = NOON + timedelta(hours=1)
        assert warn_leads(at=later) == 1
        assert warn_leads(at=later + timedelta(minutes=5)) == 0
        assert warn_leads(at=later + LATE_AGAIN_AFTER + timedelta(minutes=1)) == 1
        assert {one.queue for one in Notification.objects.all()} == {queue}

    def test_nobody_hears_of_a_queue_without_lead_or_cases(self) -> None:
        make_case(due_at=NOON - timedelta(hours=1))
        Queue.objects.create(code="x", name_en="X", subject="order", lead=make_reviewer())
        assert warn_leads(at=NOON) == 0


def test_who_switched_a_kind_off_hears_nothing_of_it() -> None:
    author, maya = make_reviewer(), make_reviewer("maya@example.com")
    choose(maya, {NoticeKind.MENTION: Channel.OFF}, hour=9, time_zone="Europe/Berlin")
    add_note(make_case(), text="@maya", author=author, at=NOON)
    assert told() == []
    maya.refresh_from_db()
    assert maya.time_zone == "Europe/Berlin"


def test_who_has_left_hears_nothing() -> None:
    author, maya = make_reviewer(), make_reviewer("maya@example.com")
    add_note(make_case(), text="@maya", author=author, at=NOON)
    User.objects.filter(pk=maya.pk).update(is_active=False)
    assert told() == []


def test_marking_is_ones_own_and_is_undone_by_its_moment() -> None:
    author, maya, sam = (make_reviewer(f"{name}@example.com") for name in ("lin", "maya", "sam"))
    case = make_case()
    for _ in range(2):
        add_note(case, text="@maya @sam", author=author, at=NOON)
    tell()
    assert inbox.count_unread(maya) == 2
    first = inbox.list_notifications(maya).order_by("pk")[0]
    inbox.mark_read(maya, at=NOON, notification=first)
    assert (inbox.count_unread(maya), inbox.count_unread(sam)) == (1, 2)
    assert inbox.mark_read(maya, at=NOON + timedelta(seconds=1)) == 1
    assert inbox.mark_unread(maya, read_at=NOON + timedelta(seconds=1)) == 1
    assert inbox.count_unread(maya) == 1
    assert inbox.mark_unread(sam, read_at=NOON) == 0


def test_only_what_was_read_and_is_old_is_forgotten() -> None:
    author, maya = make_reviewer(), make_reviewer("maya@example.com")
    case = make_case()
    for _ in range(2):
        add_note(case, text="@maya", author=author, at=NOON)
    first, _second = tell()
    inbox.mark_read(maya, at=NOON, notification=first)
    after = first.created_at + KEPT_FOR + timedelta(minutes=1)
    assert forget_old(at=after - timedelta(days=1)) == 0
    assert forget_old(at=after) == 1
    assert inbox.count_unread(maya) == 1


def test_the_desks_news_is_in_no_merchants_feed() -> None:
    lin, maya = make_reviewer(), make_reviewer("maya@example.com")
    refuse_verdict(signable(lin, merchant_id=make_merchant().pk), maya, note="No.", at=NOON)
    events = OutboxEvent.objects.filter(type__startswith="review_case.")
    assert events.count() >= 2
    assert not events.exclude(merchant_id=None).exists()
    assert claim_next(maya, at=NOON) is not None
    assert SYSTEM.kind == "system"
