"""Lists: a constant number of queries, keyset pages that meet, designed empty states."""

from datetime import timedelta

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from accounts.models import Role
from cases.macros_models import Macro
from cases.models import ReviewCase
from core.ids import encode
from intake.models import ImportBatch
from risk.accounts import propose_restriction
from risk.models import AccountScore, Alert
from risk.services import copy_to_draft
from tests.cases.builders import make_case
from tests.console.conftest import SignIn
from tests.console.scenes import held_case
from tests.make import make_live_ruleset, make_merchant, make_model, make_rule, make_user

pytestmark = pytest.mark.django_db

# Session and user, roles, the frame's four counters, and what the page itself needs.
QUERY_BASELINES = {
    "home": 20,
    "queue-list": 14,
    "queue": 16,
    "cases": 14,
    "macros": 13,
    "desk": 21,
    "desk-forecast": 24,
    "signatures": 13,
    "bulks": 13,
    "decisions": 13,
    "rules": 12,
    "backtests": 12,
    "lists": 15,
    "monitoring": 17,
    "monitoring-decisions": 12,
    "parity": 12,
    "snoozes": 13,
    "models": 19,  # three subjects, their figures, comparisons and promotions
    "alerts": 13,
    "imports": 12,
    "notices": 12,
}


def _fill(rows: int) -> None:
    """Put that many rows on every list."""
    for number in range(rows):
        case = held_case(total=f"{1000 + number}.00")
        Macro.objects.create(
            queue=case.queue,
            subject="order",
            name=f"Plain {case.pk}",
            kind="approve",
            created_at=timezone.now(),
        )
        merchant = make_merchant()
        AccountScore.objects.create(merchant=merchant, score=0.4, band="medium", as_of=timezone.now())
        Alert.objects.create(
            merchant=merchant, code="account_risk_medium", from_band="low", to_band="medium", score=0.4,
            created_at=timezone.now(),
        )  # fmt: skip
        ImportBatch.objects.create(
            mapping="olist", mapping_hash="0", file_name="a.csv", content_sha256=str(case.pk)
        )
    for _ in range(rows):
        make_model(status="retired")


@pytest.mark.parametrize("name", QUERY_BASELINES)
def test_list_asks_as_many_queries_for_ten_rows_as_for_two(name: str, sign_in: SignIn) -> None:
    client = sign_in(*Role)
    href = reverse(f"console:{name}", args=["orders"] if name == "queue" else [])

    def count() -> int:
        with CaptureQueriesContext(
            connection,
        ) as captured:
            assert client.get(href).status_code == 200
        return len(captured)

    _fill(2)
    few = count()
    _fill(8)
    assert count() == few
    assert few <= QUERY_BASELINES[name], few


def test_case_page_asks_a_bounded_number_of_queries(page: Client) -> None:
    for _ in range(12):
        held_case()
    href = reverse("console:case", args=[encode("cas", held_case().pk)])
    with CaptureQueriesContext(connection) as captured:
        page.get(href)
    assert len(captured) <= 41


def test_pages_of_a_queue_meet_without_gap_or_repeat(page: Client) -> None:
    due_at = timezone.now() + timedelta(hours=3)
    for number in range(120):
        make_case(value_minor=1_000 * (number % 40), due_at=due_at)  # many equal sort keys
    expected = list(ReviewCase.objects.order_by("sort_key", "id").values_list("pk", flat=True))
    seen: list[int] = []
    href = reverse("console:queue", args=["orders"])
    query = "?"
    for _ in range(3):
        shown = page.get(href + query).context["page"]
        seen += [case.pk for case in shown.rows]
        query = shown.next_href
    assert seen == expected
    assert query == ""
    back = page.get(href + shown.previous_href).context["page"]
    assert [case.pk for case in back.rows] == expected[50:100]
    first = page.get(href + back.previous_href).context["page"]
    assert [case.pk for case in first.rows] == expected[:50]
    assert first.previous_href == ""


@pytest.mark.parametrize(
    "cursor", ["x", "1", "1_2_3", "nan_1", "inf_1", "__", "1e999_1", "1.5_1.5", "9" * 400 + "_1"]
)
def test_cursor_that_cannot_be_read_shows_a_page_not_an_error(cursor: str, page: Client) -> None:
    make_case()
    for parameter in ("after", "before"):
        assert page.get(reverse("console:queue", args=["orders"]), {parameter: cursor}).status_code == 200


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        ("queue-list", "No queues yet"),
        ("cases", "No cases yet"),
        ("decisions", "No decisions yet"),
        ("rules", "No rules yet"),
        ("models", "No model yet"),
        ("alerts", "No alerts"),
        ("imports", "No imports yet"),
        ("home", "No open alerts"),
    ],
)
def test_empty_list_says_why(name: str, sentence: str, sign_in: SignIn) -> None:
    assert sentence in sign_in(*Role).get(reverse(f"console:{name}")).content.decode()


def test_queue_page_counts_what_is_overdue(page: Client) -> None:
    make_case(due_at=timezone.now() - timedelta(hours=1))
    make_case(due_at=timezone.now() + timedelta(hours=1))
    assert "1 past due" in page.get(reverse("console:queue", args=["orders"])).content.decode()


def test_home_of_a_new_reviewer_says_that_nothing_is_decided_yet(page: Client) -> None:
    content = page.get(reverse("console:home")).content.decode()
    assert "They appear with your first decision." in content
    assert "My median time" not in content


def test_alert_with_a_single_score_says_why_there_is_no_line(sign_in: SignIn) -> None:
    _fill(1)
    content = sign_in(Role.OPERATIONS).get(reverse("console:alerts")).content.decode()
    assert "Too few scores for a line yet" in content


def test_home_shows_ones_own_day(page: Client) -> None:
    held_case()
    page.post(reverse("console:claim-next"))
    context = page.get(reverse("console:home")).context
    assert len(context["mine"]) == 1
    assert context["waiting"] == 0
    assert sum(context["ages"]["series"][0]["values"]) == 1


def test_decisions_filter_by_outcome_and_subject_id(sign_in: SignIn) -> None:
    case = held_case()
    client, href = sign_in(Role.RISK_ANALYST), reverse("console:decisions")
    assert len(client.get(href, {"outcome": "review"}).context["page"].rows) == 1
    assert len(client.get(href, {"outcome": "approve"}).context["page"].rows) == 0
    found = client.get(href, {"q": encode("ord", case.subject_id)}).context["page"].rows
    assert [decision.pk for decision in found] == [case.decision_id]
    assert client.get(href, {"q": "nonsense"}).context["page"].rows == []


def test_acknowledged_alert_leaves_the_open_list(sign_in: SignIn) -> None:
    alert = Alert.objects.create(
        merchant=make_merchant(), code="account_risk_high", from_band="low", to_band="high", score=0.8,
        created_at=timezone.now(),
    )  # fmt: skip
    client = sign_in(Role.OPERATIONS)
    client.post(reverse("console:alert-acknowledge", args=[encode("alr", alert.pk)]))
    assert client.get(reverse("console:alerts")).context["rows"] == []
    assert len(client.get(reverse("console:alerts"), {"tab": "all"}).context["rows"]) == 1


def test_rules_of_merchant_accounts_are_listed_and_open(sign_in: SignIn) -> None:
    client = sign_in(Role.RISK_ANALYST)
    ruleset = make_live_ruleset(make_rule("account_score > 0.5", name="A risky account"), subject="merchant")
    listed = dict(client.get(reverse("console:rules")).context["by_subject"])
    assert listed["merchant"] == [ruleset]
    page = client.get(reverse("console:ruleset", args=[encode("rst", ruleset.pk)])).content.decode()
    assert "A risky account" in page


def test_proposed_restriction_is_said_in_words(sign_in: SignIn) -> None:
    propose_restriction(make_merchant(), 0.8, at=timezone.now())
    for name in ("alerts", "home"):
        body = sign_in(*Role).get(reverse(f"console:{name}")).content.decode()
        assert "Rules propose to restrict this account" in body


def test_ruleset_page_counts_hits(sign_in: SignIn) -> None:
    held_case()
    held_case()
    client = sign_in(Role.REVIEWER)
    listed = client.get(reverse("console:rules")).context["by_subject"]
    ruleset = dict(listed)["order"][0]
    answer = client.get(reverse("console:ruleset", args=[encode("rst", ruleset.pk)]))
    rows = [row for _group, rows in answer.context["groups"] for row in rows]
    hits = {row.rule.code: (row.hits.matched.part, row.hits.missing.part) for row in rows if row.hits}
    assert hits == {"R-DEAR": (2, 0), "R-CARD": (0, 2)}
    assert answer.context["hits"].decisions == 2


def test_rule_whose_field_is_gone_is_shown_with_its_error(sign_in: SignIn) -> None:
    live = make_live_ruleset(make_rule("order.amount > 1", code="R-OLD"))
    ruleset = copy_to_draft(live, author=make_user(Role.RISK_ANALYST))
    ruleset.rules.update(condition="order.amuont > 1")
    content = (
        sign_in(Role.REVIEWER)
        .get(reverse("console:ruleset", args=[encode("rst", ruleset.pk)]))
        .content.decode()
    )
    assert "<mark>order.amuont</mark>" in content
