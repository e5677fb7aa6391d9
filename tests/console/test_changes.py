"""A verdict that meets new evidence: refused, told what changed, and accepted when it is sent again."""

import copy
import re

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from accounts.models import User
from cases.models import ReviewCase, Verdict
from cases.services import claim_case, open_case
from core.ids import encode, new_id
from risk.models import Decision
from tests.console.scenes import blind, held_case, public, subject_of

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


def _public_decision(case: ReviewCase) -> str:
    assert case.decision_id is not None
    return encode("dec", case.decision_id)


def _judged_anew(case: ReviewCase, **changed: object) -> Decision:
    """Let the machine judge a case's subject again, with another result."""
    newer = Decision.objects.get(pk=case.decision_id)
    newer.pk = new_id()
    newer.created_at = timezone.now()
    for name, value in changed.items():
        setattr(newer, name, value)
    newer.save(force_insert=True)
    open_case(newer, subject=subject_of(case), title=case.title, value_minor=0, at=timezone.now())
    return newer


def _seen(case: ReviewCase, page: Client) -> dict[str, object]:
    """Return what the case's page would send with a verdict."""
    content = page.get(_url("case", case)).content.decode()
    return dict(re.findall(r'name="(seen_\w+)" value="([^"]+)"', content))


def test_verdict_on_changed_evidence_is_409_and_shows_what_changed(page: Client, reviewer: User) -> None:
    case = _claim(held_case(), reviewer)
    old = _fields(case, "approve", note="My note", **_seen(case, page))
    assert case.decision is not None
    snapshot = copy.deepcopy(case.decision.snapshot)
    snapshot["evaluation"]["results"]["R-CARD"] = True
    snapshot["values"]["order.shipping_country"] = "PW"
    _judged_anew(case, score=0.74, snapshot=snapshot, reason_codes=["amount_unusual", "other"])
    answer = page.post(_url("case-verdict", case), old)
    content = answer.content.decode()
    assert answer.status_code == 409
    assert "The evidence has changed." in content
    assert "What has changed since you looked" in content
    changes = answer.context["changes"]
    assert ("Score", "12", "74") in changes.judgement
    assert changes.rules == [("R-CARD Odd card", "could not be answered", "matched")]
    assert [row[2] for row in changes.facts] == ["PW"]
    assert "<ins>74</ins>" in content
    assert content.count("con-rule is-changed") == 1
    assert not Verdict.objects.exists()


def test_verdict_sent_again_from_the_page_that_showed_the_changes_is_accepted(
    page: Client, reviewer: User
) -> None:
    case = _claim(held_case(), reviewer)
    old = _fields(case, "approve", note="My note")
    _judged_anew(case)
    content = page.post(_url("case-verdict", case), old).content.decode()
    assert "My note" in content
    [version] = re.findall(r'name="evidence_version" value="(\d+)"', content)
    page.post(_url("case-verdict", case), {**old, "evidence_version": version})
    assert Verdict.objects.get().note == "My note"


@pytest.mark.parametrize("seen", ["", "dec_nonsense", "other"], ids=["none", "no id", "another subject"])
def test_a_look_that_cannot_be_told_shows_no_difference(seen: str, page: Client, reviewer: User) -> None:
    case, other = _claim(held_case(), reviewer), held_case(total="5000.00")
    seen = _public_decision(other) if seen == "other" else seen
    old = _fields(case, "approve", seen_decision=seen, seen_at="never")
    _judged_anew(case, score=0.74)
    answer = page.post(_url("case-verdict", case), old)
    assert answer.status_code == 409
    assert answer.context["changes"].is_empty


def test_a_blind_case_tells_what_happened_and_nothing_of_the_judgement(page: Client, reviewer: User) -> None:
    case = _claim(blind(held_case()), reviewer)
    old = _fields(case, "approve", **_seen(case, page))
    _judged_anew(case, score=0.74)
    answer = page.post(_url("case-verdict", case), old)
    assert answer.status_code == 409
    assert not answer.context["changes"].judgement
