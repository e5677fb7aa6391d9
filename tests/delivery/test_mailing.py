"""Mail about notifications: in the reader's language, with nothing of a merchant, and never twice."""

import re
from datetime import timedelta
from typing import Any

import pytest
from django.core import mail
from django.core.mail import EmailMultiAlternatives
from django.core.mail.backends.locmem import EmailBackend
from django.test import Client

from accounts.models import User
from cases.models import ReviewCase
from cases.notes import add_note
from delivery import inbox
from delivery.choices import channels_of, choose
from delivery.mailing import read_unsubscribe_token, send_at_once, send_digests, unsubscribe_url
from delivery.models import Channel, NoticeKind, Notification
from delivery.notifications import consume
from delivery.sequencer import sequence
from tests.cases.builders import NOON, make_case, make_reviewer

pytestmark = pytest.mark.django_db
TITLE = "Green Leaf Tea Ltd, owner@greenleaf.example"


@pytest.fixture
def maya() -> User:
    return make_reviewer("maya@example.com")


def call(maya: User, *, times: int = 1) -> ReviewCase:
    author, _ = User.objects.get_or_create(email="lin@example.com", defaults={"is_superuser": True})
    case = make_case()
    ReviewCase.objects.filter(pk=case.pk).update(title=TITLE)
    for _ in range(times):
        add_note(case, text="@maya: the licence of Green Leaf looks forged.", author=author, at=NOON)
    sequence()
    consume(at=NOON)
    return case


def want(maya: User, channel: str, *, hour: int = 8, zone: str = "Asia/Shanghai") -> None:
    choose(maya, {NoticeKind.MENTION: channel}, hour=hour, time_zone=zone)


def test_a_mail_at_once_has_a_link_and_nothing_of_the_merchant(maya: User) -> None:
    call(maya)
    assert send_at_once(at=NOON) == 1
    (sent,) = mail.outbox
    assert sent.to == ["maya@example.com"]
    assert isinstance(sent, EmailMultiAlternatives)
    bodies = [str(sent.subject), str(sent.body), *(str(part[0]) for part in sent.alternatives)]
    for text in bodies:
        assert "Green Leaf" not in text
        assert "greenleaf" not in text
        assert "forged" not in text
    assert "/console/cases/cas_" in sent.body
    assert send_at_once(at=NOON) == 0
    assert len(mail.outbox) == 1


def test_it_is_written_in_the_language_of_its_reader(maya: User) -> None:
    User.objects.filter(pk=maya.pk).update(language="zh-hans")
    call(maya)
    send_at_once(at=NOON)
    assert re.search(r"[\u4e00-\u9fff]{4}", str(mail.outbox[0].subject))
    assert re.search(r"[\u4e00-\u9fff]{4}", str(mail.outbox[0].body))


@pytest.mark.parametrize("channel", [Channel.IN_APP, Channel.DIGEST])
def test_who_wants_none_at_once_gets_none_at_once(maya: User, channel: str) -> None:
    want(maya, channel)
    call(maya)
    assert send_at_once(at=NOON) == 0
    assert inbox.count_unread(maya) == 1


def test_a_mail_that_failed_is_not_sent_again(maya: User, monkeypatch: pytest.MonkeyPatch) -> None:
    call(maya)

    def fail(*_: Any) -> int:
        raise OSError("the server hung up")

    with monkeypatch.context() as patched:
        patched.setattr(EmailBackend, "send_messages", fail)
        assert send_at_once(at=NOON) == 0
    assert send_at_once(at=NOON) == 0
    assert mail.outbox == []
    notice = Notification.objects.get()
    assert (notice.mailed_at, notice.read_at) == (None, None)
    assert notice.mail_claimed_at == NOON


def test_while_the_server_is_away_mails_wait(maya: User, monkeypatch: pytest.MonkeyPatch) -> None:
    call(maya)

    def refuse(*_: Any) -> bool:
        raise ConnectionRefusedError

    with monkeypatch.context() as patched:
        patched.setattr(EmailBackend, "open", refuse)
        assert send_at_once(at=NOON) == 0
    assert send_at_once(at=NOON) == 1


class TestDigest:
    @pytest.mark.parametrize(
        ("zone", "hour", "leaves"),
        [
            ("Asia/Shanghai", 20, True),  # 12:00 UTC is 20:00 there
            ("Asia/Shanghai", 21, False),
            ("Europe/Berlin", 14, True),  # summer time
            ("Europe/Berlin", 15, False),
            ("America/Los_Angeles", 5, True),
        ],
    )
    def test_it_leaves_at_the_persons_own_hour(self, maya: User, zone: str, hour: int, leaves: bool) -> None:
        want(maya, Channel.DIGEST, hour=hour, zone=zone)
        call(maya)
        assert send_digests(at=NOON) == int(leaves)

    def test_one_mail_a_day_with_all_that_is_unread(self, maya: User) -> None:
        want(maya, Channel.DIGEST, hour=0, zone="UTC")
        call(maya, times=23)
        assert send_digests(at=NOON) == 1
        (sent,) = mail.outbox
        assert "23" in sent.subject
        assert sent.body.count("/console/cases/") == 20
        assert "And 3 more." in sent.body
        assert "Green Leaf" not in sent.body
        call(maya)
        assert send_digests(at=NOON + timedelta(hours=5)) == 0
        assert send_digests(at=NOON + timedelta(days=1)) == 1
        assert "1" in mail.outbox[1].subject

    def test_what_was_read_needs_no_mail(self, maya: User) -> None:
        want(maya, Channel.DIGEST, hour=0, zone="UTC")
        call(maya)
        inbox.mark_read(maya, at=NOON)
        assert send_digests(at=NOON) == 0


class TestUnsubscribing:
    def test_the_link_asks_first_then_stops_this_kind(self, maya: User) -> None:
        call(maya)
        send_at_once(at=NOON)
        (path,) = set(re.findall(r"/unsubscribe/\S+", str(mail.outbox[0].body)))
        client = Client(enforce_csrf_checks=True)
        assert client.get(path).status_code == 200
        assert channels_of(maya)[NoticeKind.MENTION] == Channel.MAIL
        # As a mail program does it: no cookie, no token of ours.
        assert client.post(path, {"List-Unsubscribe": "One-Click"}).status_code == 200
        assert channels_of(maya)[NoticeKind.MENTION] == Channel.IN_APP
        assert channels_of(maya)[NoticeKind.ASSIGNED] == Channel.MAIL
        assert mail.outbox[0].extra_headers["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"

    def test_a_forged_link_does_nothing(self, maya: User) -> None:
        call(maya)
        url = unsubscribe_url(Notification.objects.get())
        token = url.rsplit("/", 1)[1]
        assert read_unsubscribe_token(token) == (maya.pk, "mention")
        assert read_unsubscribe_token(token[:-1] + ("a" if token[-1] != "a" else "b")) is None
        assert Client().post("/unsubscribe/" + "x" * 40).status_code == 404
        assert channels_of(maya)[NoticeKind.MENTION] == Channel.MAIL
