"""The leads' pages: what they show, their filters, their files."""

import csv
from datetime import timedelta

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from accounts.models import Role
from cases.claims import LEASE
from cases.models import ReviewCase
from tests.cases.builders import make_case, make_queue
from tests.console.conftest import SignIn
from tests.console.scenes import held_case
from tests.make import make_user

pytestmark = pytest.mark.django_db


@pytest.fixture
def lead(sign_in: SignIn) -> Client:
    return sign_in(Role.SENIOR_REVIEWER)


def text_of(client: Client, name: str, query: str = "") -> str:
    answer = client.get(reverse(f"console:{name}") + query)
    assert answer.status_code == 200
    return answer.content.decode()


def rows_of(client: Client, what: str, query: str = "") -> list[dict[str, str]]:
    answer = client.get(reverse("console:desk-file", args=[what]) + query)
    assert answer.status_code == 200
    return list(csv.DictReader(answer.getvalue().decode().splitlines()))


def test_an_empty_desk_says_so(lead: Client) -> None:
    assert "No queues yet" in text_of(lead, "desk")
    assert "Nothing to forecast yet" in text_of(lead, "desk-forecast")


def test_the_page_counts_and_names_who_is_on(lead: Client) -> None:
    case = held_case()
    now = timezone.now()
    make_case(due_at=now - timedelta(hours=1))
    holder = make_user(Role.REVIEWER, name="Wei Chen")
    ReviewCase.objects.filter(pk=case.pk).update(
        status="claimed", claimed_by=holder, claim_expires_at=now + LEASE, touched_at=now
    )
    page = text_of(lead, "desk")
    assert "Wei Chen" in page
    assert case.title in page
    row = next(row for row in rows_of(lead, "queues") if row["queue"] == "orders")
    assert (row["open"], row["claimed"], row["decide_late"]) == ("2", "1", "1")
    assert rows_of(lead, "people")[0]["person"] == "Wei Chen"


def test_filters_stand_in_the_address(lead: Client) -> None:
    held_case()
    make_queue("other", senior=True)
    page = text_of(lead, "desk", "?queue=other&days=7")
    assert '<option value="other" selected>' in page
    assert '<option value="7" selected>' in page
    assert [row["queue"] for row in rows_of(lead, "queues", "?queue=other")] == ["other"]
    assert len(rows_of(lead, "work", "?days=7")) == 7


@pytest.mark.parametrize("query", ["?queue=none", "?days=x", "?days=999", "?queue=%00"])
def test_what_cannot_be_read_is_as_if_not_asked(lead: Client, query: str) -> None:
    text_of(lead, "desk", query)


def test_the_forecast_says_what_it_assumes(lead: Client) -> None:
    held_case()
    page = text_of(lead, "desk-forecast")
    assert "nothing is known of handling times" in page
    assert "Nobody was seen at work" in page
    assert {row["queue"] for row in rows_of(lead, "forecast")} >= {"orders"}


def test_a_what_if_stands_beside_the_usual(lead: Client) -> None:
    held_case()
    query = "?reviewers=3&seniors=0&starts=00:00&ends=23:59&arrivals=150&day=1"
    page = text_of(lead, "desk-forecast", query)
    assert page.count("What if") >= 3
    assert "Tomorrow" in page


@pytest.mark.parametrize(
    "query",
    [
        "?reviewers=-1&seniors=0&starts=09:00&ends=18:00&arrivals=100&day=0",
        "?reviewers=1&seniors=0&starts=09:00&ends=09:00&arrivals=100&day=0",
        "?reviewers=1&seniors=0&starts=x&ends=09:00&arrivals=100000&day=7",
    ],
    ids=["fewer than nobody", "no hours", "nonsense"],
)
def test_a_what_if_that_makes_no_sense_is_refused_in_words(lead: Client, query: str) -> None:
    page = text_of(lead, "desk-forecast", query)
    assert "is-invalid" in page


def test_there_is_no_file_of_another_name(lead: Client) -> None:
    assert lead.get(reverse("console:desk-file", args=["passwords"])).status_code == 404
