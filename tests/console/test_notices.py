"""The bell, the list of notifications, settings, and going off, as pages."""

from datetime import timedelta

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from accounts.models import User
from cases.breaks import find_reviewer
from cases.models import ReviewCase, Verdict
from cases.notes import add_note
from core.ids import encode, first_id_at
from delivery import inbox
from delivery.choices import channels_of, digest_hour
from delivery.models import Notification
from merchants.models import Membership, Merchant
from tests.cases.builders import make_case, make_queue, make_reviewer
from tests.console.conftest import SignIn
from tests.console.scenes import held_case

pytestmark = pytest.mark.django_db
LIST = "/console/notifications/"


def make_notices(user: User, case: ReviewCase, count: int) -> None:
    Notification.objects.bulk_create(
        Notification(user=user, kind="mention", case=case, channel="in_app", created_at=timezone.now())
        for _ in range(count)
    )


def test_the_bell_counts_up_to_its_cap(page: Client, reviewer: User) -> None:
    case = held_case()
    assert "con-bell" in page.get(LIST).content.decode()
    make_notices(reviewer, case, 3)
    assert ">3</b>" in page.get(LIST).content.decode()
    make_notices(reviewer, case, 120)
    assert ">99+</b>" in page.get(LIST).content.decode()


def test_reading_one_or_all_is_undone_by_its_toast(page: Client, reviewer: User) -> None:
    make_notices(reviewer, held_case(), 3)
    first = inbox.list_notifications(reviewer).order_by("pk")[0]
    page.post("/console/notifications/read", {"id": encode("ntc", first.pk)})
    assert inbox.count_unread(reviewer) == 2
    answer = page.post("/console/notifications/read", follow=True)
    assert inbox.count_unread(reviewer) == 0
    assert "2 notifications marked read" in answer.content.decode()
    moment = inbox.list_notifications(reviewer).order_by("-pk")[0].read_at
    assert moment is not None
    page.post("/console/notifications/undo?" + f"at={moment.isoformat().replace('+', '%2B')}")
    assert inbox.count_unread(reviewer) == 2
    page.post("/console/notifications/undo?at=yesterday")
    assert inbox.count_unread(reviewer) == 2


def test_opening_marks_read_and_leads_on_but_never_elsewhere(page: Client, reviewer: User) -> None:
    case = held_case()
    make_notices(reviewer, case, 2)
    first, second = inbox.list_notifications(reviewer).order_by("pk")
    href = reverse("console:case", args=[encode("cas", case.pk)])
    answer = page.post("/console/notifications/read", {"id": encode("ntc", first.pk), "open": href})
    assert answer.headers["HX-Redirect"] == href
    away = page.post(
        "/console/notifications/read", {"id": encode("ntc", second.pk), "open": "https://evil.example/"}
    )
    assert "HX-Redirect" not in away.headers
    assert "evil" not in away.headers["Location"]


def test_nobody_marks_or_sees_another_persons(page: Client, reviewer: User) -> None:
    other = make_reviewer("sam@example.com")
    make_notices(other, held_case(), 1)
    theirs = Notification.objects.get()
    assert page.post("/console/notifications/read", {"id": encode("ntc", theirs.pk)}).status_code == 404
    assert "calls you in a note" not in page.get(LIST + "?tab=all").content.decode()
    assert inbox.count_unread(other) == 1


def test_the_title_of_a_case_goes_when_it_is_no_longer_theirs(page: Client, reviewer: User) -> None:
    case = held_case()
    make_notices(reviewer, case, 1)
    assert case.title in page.get(LIST).content.decode()
    Membership.objects.create(user=reviewer, merchant=Merchant.objects.get(), role="owner")
    assert case.title not in page.get(LIST).content.decode()


def test_settings_are_kept_and_nonsense_comes_back(page: Client, reviewer: User) -> None:
    url = "/console/notifications/settings"
    values = dict.fromkeys(channels_of(reviewer), "in_app")
    good = {**values, "hour": "7", "time_zone": "Europe/Berlin", "break_minutes": "25"}
    assert page.post(url, good).status_code == 302
    reviewer.refresh_from_db()
    assert set(channels_of(reviewer).values()) == {"in_app"}
    assert (digest_hour(reviewer), reviewer.time_zone) == (7, "Europe/Berlin")
    assert find_reviewer(reviewer).break_minutes == 25
    for wrong in (
        {"hour": "24"},
        {"time_zone": "Mars/Olympus"},
        {"mention": "pigeon"},
        {"break_minutes": "1"},
    ):
        assert page.post(url, {**good, **wrong}).status_code == 422


def test_going_off_and_coming_back(page: Client, reviewer: User) -> None:
    held_case()
    page.post("/console/queues/next")
    answer = page.post("/console/breaks/off", follow=True).content.decode()
    assert "You are given no cases." in answer
    assert "1 case went back to its queue" in answer
    assert "Come back to take cases." in page.post("/console/queues/next", follow=True).content.decode()
    assert not ReviewCase.objects.filter(claimed_by=reviewer).exists()
    assert "You are given no cases." not in page.post("/console/breaks/back", follow=True).content.decode()
    page.post("/console/queues/next")
    assert ReviewCase.objects.filter(claimed_by=reviewer).exists()


def test_the_reminder_goes_alone_and_leads_nowhere_else(page: Client) -> None:
    answer = page.post("/console/breaks/later", headers={"HX-Request": "true"})
    assert (answer.status_code, answer.content) == (200, b"")
    away = page.post("/console/breaks/later", {"back": "https://evil.example/"})
    assert away.headers["Location"] == "/console/queues/"


def test_a_person_called_from_a_closed_queue_is_not_told_its_title(sign_in: SignIn) -> None:
    author, maya = make_reviewer(), make_reviewer("maya@example.com")
    case = held_case()
    add_note(case, text="@maya", author=author, at=timezone.now())
    make_notices(maya, case, 1)
    case.queue = make_queue("orders_above", senior=True)
    case.save()
    assert case.title not in sign_in(user=maya).get(LIST).content.decode()


def test_the_case_in_hand_suggests_a_break_once(page: Client, reviewer: User) -> None:
    now, case = timezone.now(), held_case()
    for minutes in range(1, 80, 5):
        at = now - timedelta(minutes=minutes)
        Verdict.objects.create(
            id=first_id_at(at),
            case=make_case(),
            kind="approve",
            reviewer=reviewer,
            claim_token=1,
            evidence_version=1,
            effective_at=at,
            created_at=at,
        )
    href = reverse("console:case", args=[encode("cas", case.pk)])
    assert "without a pause" not in page.get(href).content.decode()
    page.post(reverse("console:case-claim", args=[encode("cas", case.pk)]))
    assert "without a pause" in page.get(href).content.decode()
    page.post("/console/breaks/later")
    assert "without a pause" not in page.get(href).content.decode()
