"""From "Next" to the verdict, as a reviewer's browser does it."""

import re
from collections.abc import Mapping
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from accounts.models import Role, User
from cases.models import CaseStatus, ReviewCase, Verdict
from cases.services import cancel_case_of, claim_case
from console.evidence import evidence_of
from console.history import list_events
from core.actors import SYSTEM
from intake.pipeline import judge_account
from orders.models import Order, OrderStatus, PaymentEvent
from risk.models import AccountScore, Decision, Label
from risk.rules.engine import Effect
from tests.cases.builders import make_case, make_queue
from tests.console.conftest import SignIn
from tests.console.scenes import blind, held_case, public, subject_of
from tests.make import (
    NOON,
    make_application,
    make_category,
    make_live_ruleset,
    make_merchant,
    make_rule,
    make_user,
)

pytestmark = pytest.mark.django_db


def _url(name: str, case: ReviewCase) -> str:
    return reverse(f"console:{name}", args=[public(case)])


def _claim(case: ReviewCase, user: User) -> ReviewCase:
    return claim_case(case, user, at=timezone.now())


def _fields(case: ReviewCase, kind: str, **more: object) -> dict[str, object]:
    return {
        "kind": kind,
        "claim_token": case.claim_token,
        "evidence_version": case.evidence_version,
        **more,
    }


def test_next_opens_the_first_case_claimed(page: Client, reviewer: User) -> None:
    held_case(total="1000.00")
    dear = held_case(total="90000.00")
    answer = page.post(reverse("console:claim-next"), {"queue": "orders"})
    assert answer.headers["Location"] == _url("case", dear)
    assert ReviewCase.objects.get(pk=dear.pk).claimed_by == reviewer


def test_next_with_nothing_waiting_says_so(page: Client) -> None:
    answer = page.post(reverse("console:claim-next"), follow=True)
    assert "Nothing is waiting" in answer.content.decode()


def test_case_page_shows_rules_with_their_values_and_what_was_missing(page: Client) -> None:
    case = held_case(total="1234.00")
    content = page.get(_url("case", case)).content.decode()
    assert "A dear order" in content
    assert "Order total ≥ 1,000.00 CNY" in content
    assert "1,234.00 CNY" in content
    assert "1 rule could not be answered" in content
    assert "Country that issued the card" in content


def test_case_page_offers_the_verdict_only_under_a_claim(page: Client, reviewer: User) -> None:
    case = held_case()
    assert 'id="verdict"' not in page.get(_url("case", case)).content.decode()
    _claim(case, reviewer)
    assert 'id="verdict"' in page.get(_url("case", case)).content.decode()


def test_case_page_names_who_holds_it(page: Client) -> None:
    case = held_case()
    _claim(case, make_user(Role.REVIEWER, name="Maya Okafor"))
    content = page.get(_url("case", case)).content.decode()
    assert "Maya Okafor" in content
    assert 'id="verdict"' not in content


def test_related_orders_show_what_they_share(page: Client) -> None:
    other = held_case(external_id="SHARES-DEVICE")
    case = held_case()
    content = page.get(_url("case", case)).content.decode()
    assert "Related orders" in content
    assert content.count('aria-label="shared"') == 4  # buyer, device, card, network of one other order
    assert other.pk != case.pk


def test_buyers_contact_is_masked(page: Client) -> None:
    from orders.placing import Contact

    case = held_case(contact=Contact(name="Chen Yu", email="chen.yu@example.com", phone="+8613800138000"))
    content = page.get(_url("case", case)).content.decode()
    assert "c•••@example.com" in content
    assert "chen.yu" not in content
    assert "13800138000" not in content


def test_blind_case_hides_score_rules_and_reasons(page: Client, reviewer: User) -> None:
    case = blind(held_case())
    _claim(case, reviewer)
    content = page.get(_url("case", case)).content.decode()
    assert "Hidden for this case" in content
    assert "A dear order" not in content
    assert "bo-contributions" not in content
    assert "What the merchant reads" not in content
    decision = reverse("console:decision", args=[_public_decision(case)])
    assert "A dear order" not in page.get(decision).content.decode()


def _public_decision(case: ReviewCase) -> str:
    from core.ids import encode

    assert case.decision_id is not None
    return encode("dec", case.decision_id)


def test_approval_releases_the_order_and_opens_the_next_case(page: Client, reviewer: User) -> None:
    case = _claim(held_case(total="90000.00"), reviewer)
    following = held_case()
    answer = page.post(_url("case-verdict", case), _fields(case, "approve", note="Called the buyer."))
    assert answer.headers["Location"] == _url("case", following)
    order = Order.objects.get(pk=case.subject_id)
    assert (order.status, order.is_held) == (OrderStatus.AWAITING_ACCEPTANCE, False)
    assert Label.objects.get().is_bad is False
    assert Verdict.objects.get().note == "Called the buyer."
    assert ReviewCase.objects.get(pk=following.pk).claimed_by == reviewer


def test_last_verdict_leads_back_to_the_queue(page: Client, reviewer: User) -> None:
    case = _claim(held_case(), reviewer)
    fields = _fields(case, "reject", reason_codes=["stolen_card", "refund_abuse"])
    answer = page.post(_url("case-verdict", case), fields)
    assert answer.headers["Location"] == reverse("console:queue", args=["orders"])
    assert Order.objects.get(pk=case.subject_id).status == OrderStatus.DECLINED
    assert Verdict.objects.get().reason_codes == ["stolen_card", "refund_abuse"]


@pytest.mark.parametrize(
    ("fields", "sentence"),
    [
        ({"kind": "reject"}, "Give at least one reason."),
        ({"kind": ""}, "This field is required."),
        ({"kind": "request_info", "reason_codes": ["other"]}, "Select a valid choice."),
        ({"kind": "reject", "reason_codes": ["velocity_card"]}, "Select a valid choice."),
        ({"kind": "approve", "claim_token": "x"}, "Enter a whole number."),
    ],
    ids=["no reason", "no verdict", "not for orders", "no reason for a verdict", "no token"],
)
def test_incomplete_verdict_comes_back_with_what_was_typed(
    fields: dict[str, object], sentence: str, page: Client, reviewer: User
) -> None:
    case = _claim(held_case(), reviewer)
    answer = page.post(_url("case-verdict", case), {**_fields(case, ""), "note": "My note", **fields})
    assert answer.status_code == 422
    assert sentence in answer.content.decode()
    assert "My note" in answer.content.decode()
    assert not Verdict.objects.exists()


def test_verdict_under_an_old_claim_is_409_and_keeps_the_note(page: Client, reviewer: User) -> None:
    case = _claim(held_case(), reviewer)
    old = _fields(case, "approve", note="My note")
    ReviewCase.objects.filter(pk=case.pk).update(claim_expires_at=timezone.now() - timedelta(seconds=1))
    _claim(case, make_user(Role.REVIEWER))
    answer = page.post(_url("case-verdict", case), old)
    assert answer.status_code == 409
    assert "Your verdict was not recorded." in answer.content.decode()
    assert "My note" in answer.content.decode()
    assert not Verdict.objects.exists()


def test_verdict_on_a_closed_case_is_409(page: Client, reviewer: User) -> None:
    case = _claim(held_case(), reviewer)
    cancel_case_of(subject_of(case), actor=SYSTEM, at=timezone.now())
    answer = page.post(_url("case-verdict", case), _fields(case, "approve"))
    assert answer.status_code == 409
    assert "already closed" in answer.content.decode()


def test_skip_puts_the_case_back_and_opens_the_next(page: Client, reviewer: User) -> None:
    first = _claim(held_case(total="90000.00"), reviewer)
    second = held_case()
    answer = page.post(_url("case-skip", first), {"claim_token": first.claim_token})
    assert answer.headers["Location"] == _url("case", second)
    assert ReviewCase.objects.get(pk=first.pk).status == CaseStatus.QUEUED


def test_put_back_case_waits_again(page: Client, reviewer: User) -> None:
    case = _claim(held_case(), reviewer)
    answer = page.post(_url("case-release", case), {"claim_token": case.claim_token})
    assert answer.headers["Location"] == reverse("console:queue", args=["orders"])
    assert ReviewCase.objects.get(pk=case.pk).status == CaseStatus.QUEUED


@pytest.mark.parametrize("token", ["", "x", "-1", "99999999999999999999", "7"])
def test_put_back_under_a_wrong_token_changes_nothing(token: str, page: Client, reviewer: User) -> None:
    case = _claim(held_case(), reviewer)
    page.post(_url("case-release", case), {"claim_token": token})
    assert ReviewCase.objects.get(pk=case.pk).status == CaseStatus.CLAIMED


def test_heartbeat_prolongs_and_a_lost_claim_stops_it(page: Client, reviewer: User) -> None:
    case = _claim(held_case(), reviewer)
    soon = timezone.now() + timedelta(minutes=1)
    ReviewCase.objects.filter(pk=case.pk).update(claim_expires_at=soon)
    token = {"claim_token": case.claim_token}
    answer = page.post(_url("case-heartbeat", case), token)
    assert answer.status_code == 200
    renewed = ReviewCase.objects.get(pk=case.pk).claim_expires_at
    assert renewed is not None
    assert renewed > soon
    ReviewCase.objects.filter(pk=case.pk).update(claim_token=9)
    assert page.post(_url("case-heartbeat", case), token).status_code == 409
    lost = page.post(_url("case-heartbeat", case), token, headers={"HX-Request": "true"})
    assert lost.status_code == 286
    assert "A verdict would be refused now." in lost.content.decode()


def test_taking_a_case_that_another_holds_says_so(page: Client) -> None:
    case = held_case()
    _claim(case, make_user(Role.REVIEWER))
    answer = page.post(_url("case-claim", case), follow=True)
    assert "Another reviewer is working on this case." in answer.content.decode()


def test_preview_speaks_both_languages_and_escapes(page: Client) -> None:
    case = held_case(external_id="T-77")
    answer = page.post(
        _url("case-preview", case),
        {"kind": "reject", "reason_codes": ["stolen_card"], "message": "<b>Sorry</b>"},
    )
    content = answer.content.decode()
    assert "Order T-77 was declined." in content
    assert "订单 T-77 已被拒绝" in content
    assert "&lt;b&gt;Sorry&lt;/b&gt;" in content
    assert "We could not confirm this order as safe" in content


def test_preview_of_an_escalation_says_that_the_merchant_reads_nothing(page: Client) -> None:
    answer = page.post(_url("case-preview", held_case()), {"kind": "escalate", "reason_codes": ["other"]})
    assert "The merchant reads nothing" in answer.content.decode()


def test_resolved_case_stays_readable_with_its_verdict(page: Client, reviewer: User) -> None:
    case = _claim(held_case(), reviewer)
    page.post(
        _url("case-verdict", case), _fields(case, "reject", reason_codes=["collusion"], note="Same flat")
    )
    content = page.get(_url("case", case)).content.decode()
    assert "Same flat" in content
    assert "Lin Wei" in content


def test_search_finds_cases_by_title_and_id(page: Client) -> None:
    case = held_case(external_id="FIND-ME")
    for query in ("find-me", public(case)):
        results = page.get(reverse("console:search"), {"q": query}).json()
        assert [result["href"] for result in results] == [_url("case", case)]
    assert page.get(reverse("console:search"), {"q": "f"}).json() == []


def test_case_list_filters_live_in_the_address(page: Client, reviewer: User) -> None:
    mine = _claim(held_case(external_id="MINE"), reviewer)
    held_case(external_id="FREE")
    href = reverse("console:cases")
    assert "FREE" not in page.get(href, {"claimed": "mine"}).content.decode()
    assert "MINE" not in page.get(href, {"claimed": "free"}).content.decode()
    assert "MINE" in page.get(href, {"q": public(mine)}).content.decode()
    assert "No cases match" in page.get(href, {"subject": "listing"}).content.decode()


def test_evidence_names_what_the_payment_provider_reported(page: Client) -> None:
    case = held_case()
    order = Order.objects.get(pk=case.subject_id)
    PaymentEvent.objects.create(
        order=order, external_id="p-1", kind="chargeback", amount_minor=100, occurred_at=NOON, known_at=NOON
    )
    content = page.get(_url("case", case)).content.decode()
    assert "Chargeback</span>" in content


def events_of(case: ReviewCase) -> list[Mapping[str, Any]]:
    return list_events(case, evidence_of(case).facts)


def test_history_holds_what_arrived_about_the_subject_beside_its_moves(page: Client) -> None:
    case = held_case()
    order = Order.objects.get(pk=case.subject_id)
    PaymentEvent.objects.create(
        order=order, external_id="p-1", kind="chargeback", amount_minor=12_34, occurred_at=NOON, known_at=NOON
    )
    assert ("Chargeback", "12.34 CNY") in [(one["title"], one.get("text")) for one in events_of(case)]
    application = make_application()
    papers = make_case(queue=make_queue("applications", subject="application"), subject_id=application.pk)
    assert "Uploaded: Business licence" in [one["title"] for one in events_of(papers)]


def test_evidence_names_country_and_category(page: Client) -> None:
    make_category("tea", name_en="Fine tea")
    application = make_application(country="CN", category_code="tea")
    case = make_case(queue=make_queue("applications", subject="application"), subject_id=application.pk)
    content = page.get(_url("case", case)).content.decode()
    assert "China" in content
    assert "Fine tea" in content


def test_decision_page_tells_the_time_of_each_step_in_milliseconds(page: Client) -> None:
    case = held_case()
    Decision.objects.filter(pk=case.decision_id).update(latency_us={"facts": 1_234})
    content = page.get(reverse("console:decision", args=[_public_decision(case)])).content.decode()
    assert "Time to gather the facts" in content
    assert "1.23<small>ms" in content


def test_pages_of_evidence_are_never_cached(page: Client) -> None:
    answer = page.get(_url("case", held_case()))
    assert "no-store" in answer.headers["Cache-Control"]
    assert "private" in answer.headers["Cache-Control"]


def test_chinese_page_speaks_chinese(sign_in: SignIn, reviewer: User) -> None:
    client = sign_in(user=reviewer)
    client.cookies["django_language"] = "zh-hans"
    content = client.get(_url("case", _claim(held_case(), reviewer))).content.decode()
    assert "命中的规则" in content
    assert "给商家的话" in content


def test_case_of_a_merchant_account_shows_its_facts_and_the_proposal(page: Client) -> None:
    make_live_ruleset(
        make_rule("account_score >= 0.5", Effect.DECLINE, name="A risky account", reason_code="bad_history"),
        subject="merchant",
    )
    merchant = make_merchant(account_score=0.8, account_score_at=NOON, name="Tea & Co")
    now = timezone.now()
    parts = {"known": 1_200, "bad": 40, "pending": 9, "expected": 0.34}
    AccountScore.objects.create(merchant=merchant, score=0.8, band="high", as_of=now, parts=parts)
    judge_account(merchant.pk, at=now)
    case = ReviewCase.objects.get(subject_kind="merchant")
    content = page.get(_url("case", case)).content.decode()
    assert "A risky account" in content
    assert "Account score ≥ 50.0 %" in content
    assert "Rules propose to restrict this account" in content
    assert "Tea &amp; Co" in content
    for label, value in (
        ("Orders whose outcome is known", "1,200"),
        ("Of these proved bad", "40"),
        ("Orders whose outcome is open", "9"),
        ("Of these bad by their scores", "0.3"),
    ):
        assert re.search(rf"<dt>{label}</dt><dd>[^/]*\b{value}\b", content), label


def test_an_account_score_is_in_the_band_that_its_alerts_speak_of(page: Client) -> None:
    make_live_ruleset(make_rule("account_score >= 0.2"), subject="merchant")
    merchant = make_merchant(account_score=0.3, account_score_at=NOON)
    now = timezone.now()
    AccountScore.objects.create(merchant=merchant, score=0.3, band="medium", as_of=now)
    judge_account(merchant.pk, at=now)
    content = page.get(_url("case", ReviewCase.objects.get(subject_kind="merchant"))).content.decode()
    assert re.findall(r"Risk 30 of 100: (\w+)", content) == ["Medium", "Medium"]
    assert "The counts of the account give this score" in content


def test_verdict_on_a_merchant_account_is_recorded_and_changes_nothing(page: Client, reviewer: User) -> None:
    make_live_ruleset(make_rule("account_score >= 0.5"), subject="merchant")
    merchant = make_merchant(account_score=0.8, account_score_at=NOON)
    now = timezone.now()
    AccountScore.objects.create(merchant=merchant, score=0.8, band="high", as_of=now)
    judge_account(merchant.pk, at=now)
    case = _claim(ReviewCase.objects.get(subject_kind="merchant"), reviewer)
    page.post(_url("case-verdict", case), _fields(case, "reject", reason_codes=["confirmed_fraud"]))
    assert ReviewCase.objects.get(pk=case.pk).status == CaseStatus.RESOLVED
    assert Label.objects.get().is_bad
    merchant.refresh_from_db()
    assert merchant.status == "active"


def test_case_page_shows_past_cases_like_it_with_their_end(page: Client, reviewer: User) -> None:
    past = _claim(held_case(external_id="PAST-1"), reviewer)
    page.post(_url("case-verdict", past), _fields(past, "reject", reason_codes=["stolen_card"]))
    case = held_case()
    content = page.get(_url("case", case)).content.decode()
    assert "Past cases like this one" in content
    assert _url("case", past) in content
    assert "PAST-1" in content
    # Precedents name the rules of this case, which somebody who judges blind must not see.
    assert "Past cases like this one" not in page.get(_url("case", blind(case))).content.decode()
