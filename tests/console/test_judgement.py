"""Drafts of rules."""

import pytest
from django.test import Client
from django.urls import reverse

from accounts.models import Role, User
from console.versions import SUBJECTS
from core.ids import encode
from risk.models import RuleSet, RuleSetStatus, Subject
from risk.services import copy_to_draft
from tests.console.conftest import SignIn
from tests.make import make_live_ruleset, make_rule, make_user

pytestmark = pytest.mark.django_db

RULE = {
    "code": "R-NEW",
    "name": "Very dear",
    "condition": "order.amount > 5000",
    "effect": "review",
    "reason_code": "amount_unusual",
    "mode": "live",
    "rollout_percent": "100",
}


@pytest.fixture
def author() -> User:
    return make_user(Role.RISK_ANALYST, name="Ana Ruiz")


@pytest.fixture
def analyst(sign_in: SignIn, author: User) -> Client:
    return sign_in(user=author)


@pytest.fixture
def draft(author: User) -> RuleSet:
    live = make_live_ruleset(make_rule("order.amount > 1000", code="R-DEAR"))
    return copy_to_draft(live, author=author)


def _url(name: str, ruleset: RuleSet, *more: str) -> str:
    return reverse(f"console:{name}", args=[encode("rst", ruleset.pk), *more])


def test_copy_makes_a_draft_with_the_same_rules(analyst: Client, author: User) -> None:
    live = make_live_ruleset(make_rule("order.amount > 1000", code="R-DEAR"))
    analyst.post(_url("ruleset-copy", live))
    draft = RuleSet.objects.get(status=RuleSetStatus.DRAFT)
    assert (draft.author, [rule.code for rule in draft.rules.all()]) == (author, ["R-DEAR"])


@pytest.mark.parametrize("subject", SUBJECTS)
def test_a_subject_without_rules_starts_from_the_starters(
    analyst: Client, author: User, subject: Subject
) -> None:
    start = reverse("console:ruleset-start", args=[subject])
    assert start in analyst.get(reverse("console:rules")).content.decode()
    analyst.post(start)
    draft = RuleSet.objects.get()
    assert (draft.subject, draft.status, draft.author) == (subject, RuleSetStatus.DRAFT, author)
    assert draft.rules.exists()
    assert start not in analyst.get(reverse("console:rules")).content.decode()


def test_nothing_is_started_for_an_unknown_subject(analyst: Client) -> None:
    assert analyst.post(reverse("console:ruleset-start", args=["ghost"])).status_code == 404


def test_whoever_may_only_look_is_not_offered_a_draft(sign_in: SignIn) -> None:
    reviewer = sign_in(Role.REVIEWER)
    assert "/rules/start/" not in reviewer.get(reverse("console:rules")).content.decode()
    assert reviewer.post(reverse("console:ruleset-start", args=["order"])).status_code == 403


def test_rule_is_added_to_a_draft(analyst: Client, draft: RuleSet) -> None:
    answer = analyst.post(_url("rule-new", draft), RULE)
    assert answer.headers["Location"] == _url("ruleset", draft)
    assert set(draft.rules.values_list("code", flat=True)) == {"R-DEAR", "R-NEW"}


def test_edited_rule_keeps_its_code(analyst: Client, draft: RuleSet) -> None:
    analyst.post(_url("rule", draft, "R-DEAR"), {**RULE, "code": "R-OTHER", "name": "Renamed"})
    assert list(draft.rules.values_list("code", "name")) == [("R-DEAR", "Renamed")]


def test_condition_that_cannot_be_read_is_refused_with_its_place(analyst: Client, draft: RuleSet) -> None:
    answer = analyst.post(_url("rule-new", draft), {**RULE, "condition": "order.amuont > 5000"})
    assert answer.status_code == 422
    content = answer.content.decode()
    assert "<mark>order.amuont</mark>" in content
    assert 'data-fix="order.amount"' in content
    assert draft.rules.count() == 1


def test_condition_is_explained_while_it_is_typed(analyst: Client, draft: RuleSet) -> None:
    href = _url("condition-check", draft)
    good = analyst.post(href, {"condition": "order.amount > 5000 and order.card_country is missing"})
    assert (
        "Order total &gt; 5,000.00 CNY and Country that issued the card is missing" in good.content.decode()
    )
    bad = analyst.post(href, {"condition": "order.amount >"})
    assert "is-bad" in bad.content.decode()
    assert analyst.post(href, {"condition": " "}).status_code == 200


@pytest.mark.parametrize(
    "change",
    [{"effect": "points", "points": ""}, {"effect": "tag", "tag": ""}, {"effect": "route", "queue": ""}],
    ids=["points without points", "tag without tag", "route without queue"],
)
def test_rule_that_contradicts_itself_is_refused(
    change: dict[str, str], analyst: Client, draft: RuleSet
) -> None:
    assert analyst.post(_url("rule-new", draft), {**RULE, **change}).status_code == 422
    assert draft.rules.count() == 1


def test_rule_is_removed_from_a_draft(analyst: Client, draft: RuleSet) -> None:
    analyst.post(_url("rule-delete", draft, "R-DEAR"))
    assert not draft.rules.exists()


def test_live_ruleset_is_not_edited(analyst: Client) -> None:
    live = make_live_ruleset(make_rule("order.amount > 1000", code="R-DEAR"))
    assert analyst.post(_url("rule-new", live), RULE).status_code == 409
    assert live.rules.count() == 1
