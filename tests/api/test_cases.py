"""Cases over the API: a reviewer's tool does what its person may, through the same services, and no more."""

from collections.abc import Callable
from datetime import timedelta
from functools import partial
from typing import Any

import pytest
from django.db.models import F
from django.utils import timezone

from accounts.models import APIKey, Role, RoleGrant, User
from accounts.permissions import REVIEW_SCOPES, SCOPES
from cases.models import Queue, ReviewCase, Verdict
from cases.services import cancel_case, settle_due
from core.actors import SYSTEM
from core.ids import encode, new_id
from core.models import AuditEntry, IdempotencyKey, OutboxEvent, TransitionRecord
from merchants.models import Membership, Merchant
from orders.models import Order
from tests.api.calls import Partner, fields, problem
from tests.cases.builders import make_case, make_queue, make_reviewer
from tests.cases.looked_at import reviewed_twice
from tests.cases.test_verdicts import held_order_case, order_of
from tests.make import make_key, make_merchant, make_review_key

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _time_to_undo(settings: Any) -> None:
    settings.REVIEW_UNDO_SECONDS = 30


@pytest.fixture
def lin() -> User:
    return make_reviewer()


@pytest.fixture
def tool(lin: User) -> Partner:
    return Partner(make_review_key(lin))


@pytest.fixture
def colleague() -> Partner:
    return Partner(make_review_key(make_reviewer("wei@example.com")))


def path(case: ReviewCase, action: str = "") -> str:
    return f"cases/{encode('cas', case.pk)}" + (f"/{action}" if action else "")


def claimed(tool: Partner, **about: Any) -> tuple[ReviewCase, dict[str, Any]]:
    """Return a case that this tool holds, and a complete verdict on it."""
    case = held_order_case(**about)
    shown = tool.post(path(case, "claim")).json()
    approve = {
        "claim_token": shown["claim"]["token"],
        "evidence_version": shown["evidence_version"],
        "kind": "approve",
    }
    return case, approve


def awaiting_second(tool: Partner) -> tuple[ReviewCase, str]:
    """Return a case whose verdict waits for a second signature, and the verdict's id."""
    case, approve = claimed(tool)
    Queue.objects.update(second_sign_from_minor=1)
    return case, tool.post(path(case, "verdict"), approve).json()["id"]


def everything() -> list[Any]:
    """Return all that a call about a case could change."""
    told: list[Any] = [AuditEntry, IdempotencyKey, OutboxEvent, TransitionRecord]
    return [
        list(ReviewCase.objects.order_by("pk").values()),
        list(Verdict.objects.order_by("pk").values()),
        list(Order.objects.order_by("pk").values()),
        *(model.objects.count() for model in told),
    ]


def refused(call: Callable[[], Any]) -> tuple[int, str]:
    """Return status and code of a refusal, having checked that it had no effect at all."""
    before = everything()
    answer = call()
    assert everything() == before, answer.content
    return problem(answer)


# ── Taking a case ────────────────────────────────────────────────────────────────────────────────
def test_the_next_case_is_claimed_and_read(tool: Partner, lin: User) -> None:
    case = held_order_case()
    answer = tool.post("cases/next")
    assert answer.status_code == 200
    body = answer.json()
    case.refresh_from_db()
    assert (case.claimed_by, case.status) == (lin, "claimed")
    assert body["id"] == encode("cas", case.pk)
    assert body["claim"]["token"] == case.claim_token
    assert body["subject"] == {"kind": "order", "id": encode("ord", case.subject_id)}
    assert body["possible_kinds"] == ["approve", "reject", "escalate", "hold"]
    assert "stolen_card" in [one["code"] for one in body["reasons"]]
    read = tool.get(path(case))
    assert read.json() == body
    assert tool.get(path(case), if_none_match=read["ETag"]).status_code == 304


def test_nothing_waits(tool: Partner) -> None:
    answer = tool.post("cases/next", key="k")
    assert (answer.status_code, answer.content) == (204, b"")
    again = tool.post("cases/next", key="k")
    assert (again.status_code, again.content, again["Idempotent-Replayed"]) == (204, b"", "true")


def test_the_same_key_claims_one_case(tool: Partner) -> None:
    held_order_case()
    held_order_case()
    first, again = (tool.post("cases/next", key="k") for _ in range(2))
    assert first.json() == again.json()
    assert ReviewCase.objects.filter(status="claimed").count() == 1
    assert tool.post("cases/next").json()["id"] != first.json()["id"]


def test_what_a_colleague_holds_is_not_taken(tool: Partner, colleague: Partner) -> None:
    case, _ = claimed(colleague)
    assert refused(lambda: tool.post(path(case, "claim"))) == (409, "already_claimed")
    assert tool.get(path(case)).json()["claim"] is None


def test_a_claim_is_prolonged_and_given_back(tool: Partner) -> None:
    case, sent = claimed(tool)
    token = {"claim_token": sent["claim_token"]}
    ReviewCase.objects.update(claim_expires_at=F("claim_expires_at") - timedelta(minutes=5))
    before = ReviewCase.objects.get().claim_expires_at
    answer = tool.post(path(case, "heartbeat"), token, key=None)
    assert answer.status_code == 200
    after = ReviewCase.objects.get().claim_expires_at
    assert before is not None
    assert after is not None
    assert after > before
    released = tool.post(path(case, "release"), token)
    assert (released.json()["status"], released.json()["claim"]) == ("queued", None)
    assert refused(lambda: tool.post(path(case, "heartbeat"), token)) == (409, "stale_claim")
    assert refused(lambda: tool.post(path(case, "release"), token)) == (409, "stale_claim")


# ── Deciding ─────────────────────────────────────────────────────────────────────────────────────
def test_a_verdict_waits_and_then_takes_effect(tool: Partner, lin: User) -> None:
    case, approve = claimed(tool)
    answer = tool.post(path(case, "verdict"), approve)
    assert answer.status_code == 201
    body, row = answer.json(), Verdict.objects.get()
    assert (body["id"], body["status"], body["is_yours"]) == (encode("ver", row.pk), "pending", True)
    assert (row.reviewer, order_of(case).status) == (lin, "received")
    audited = AuditEntry.objects.get(action="verdict.recorded")
    assert (audited.actor_kind, audited.actor_id) == ("user", str(lin.pk))
    assert tool.get(path(case)).json()["verdict"] == body
    settle_due(at=timezone.now() + timedelta(seconds=31))
    assert order_of(case).status == "awaiting_acceptance"


def test_the_same_key_gives_one_verdict_and_the_same_answer(tool: Partner) -> None:
    case, approve = claimed(tool)
    first = tool.post(path(case, "verdict"), approve, key="v")
    before = everything()
    again = tool.post(path(case, "verdict"), approve, key="v")
    assert (again.status_code, again.json(), again["Idempotent-Replayed"]) == (201, first.json(), "true")
    assert everything() == before
    assert Verdict.objects.count() == 1


def test_a_rejection_without_a_reason_is_refused(tool: Partner) -> None:
    case, approve = claimed(tool)
    before = everything()
    answer = tool.post(path(case, "verdict"), approve | {"kind": "reject"})
    assert fields(answer) == {"/reason_codes": "required"}
    assert everything() == before


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"kind": "reject", "reason_codes": ["bad_mood"]}, {"/reason_codes/0": "unknown_reason"}),
        (
            {"kind": "request_info", "reason_codes": ["other"]},
            {"/kind": "not_possible", "/requested": "required"},
        ),
        ({"is_final": True}, {"/is_final": "not_possible"}),
        ({"kind": "hold"}, {"/hold_until": "required"}),
        ({"kind": "hold", "hold_until": "2020-01-01T00:00:00Z"}, {"/hold_until": "out_of_range"}),
        ({"kind": "maybe"}, {"/kind": "invalid_choice"}),
        ({"claim_token": 2**31}, {"/claim_token": "max_value"}),
        ({"assignee": "usr_1hczaj5q60000"}, {"/assignee": "unknown_field"}),
        ({"note": "x" * 4_001}, {"/note": "max_length"}),
    ],
    ids=["reason", "ask", "final", "endless", "past", "kind", "token", "field", "length"],
)
def test_what_does_not_fit_is_refused(
    tool: Partner, change: dict[str, Any], expected: dict[str, str]
) -> None:
    case, approve = claimed(tool)
    before = everything()
    assert fields(tool.post(path(case, "verdict"), approve | change)) == expected
    assert everything() == before


def test_a_case_is_put_aside_until_then(tool: Partner) -> None:
    case, approve = claimed(tool)
    until = timezone.now() + timedelta(days=1)
    answer = tool.post(path(case, "verdict"), approve | {"kind": "hold", "hold_until": until.isoformat()})
    assert (answer.status_code, answer.json()["status"]) == (201, "effective")
    assert ReviewCase.objects.get().held_until == until


def test_a_stale_token_and_an_expired_claim_decide_nothing(tool: Partner) -> None:
    case, approve = claimed(tool)
    old = approve | {"claim_token": approve["claim_token"] - 1}
    assert refused(lambda: tool.post(path(case, "verdict"), old)) == (409, "stale_claim")
    ReviewCase.objects.update(claim_expires_at=timezone.now() - timedelta(seconds=1))
    assert refused(lambda: tool.post(path(case, "verdict"), approve)) == (409, "claim_expired")


def test_changed_evidence_is_looked_at_first(tool: Partner) -> None:
    case, approve = claimed(tool)
    ReviewCase.objects.update(evidence_version=F("evidence_version") + 1)
    assert refused(lambda: tool.post(path(case, "verdict"), approve)) == (409, "evidence_changed")
    fresh = approve | {"evidence_version": tool.get(path(case)).json()["evidence_version"]}
    assert tool.post(path(case, "verdict"), fresh).status_code == 201


def test_a_closed_case_is_closed(tool: Partner) -> None:
    case, approve = claimed(tool)
    cancel_case(ReviewCase.objects.get(), actor=SYSTEM, at=timezone.now())
    assert refused(lambda: tool.post(path(case, "verdict"), approve)) == (409, "case_closed")
    assert refused(lambda: tool.post(path(case, "claim"))) == (409, "invalid_transition")


def test_another_reviewers_claim_is_not_decided(tool: Partner, colleague: Partner) -> None:
    case, approve = claimed(tool)
    assert refused(lambda: colleague.post(path(case, "verdict"), approve)) == (409, "stale_claim")


# ── Taking back, signing, refusing ───────────────────────────────────────────────────────────────
def test_a_verdict_is_undone_by_who_gave_it(tool: Partner, colleague: Partner) -> None:
    case, approve = claimed(tool)
    id = tool.post(path(case, "verdict"), approve).json()["id"]
    assert refused(lambda: colleague.post(f"verdicts/{id}/undo")) == (403, "not_yours")
    undone = tool.post(f"verdicts/{id}/undo").json()
    assert undone["claim"]["token"] == approve["claim_token"] + 1
    assert Verdict.objects.get().status == "undone"
    assert refused(lambda: tool.post(f"verdicts/{id}/undo")) == (409, "too_late")


def test_what_has_taken_effect_is_not_undone(tool: Partner) -> None:
    case, approve = claimed(tool)
    id = tool.post(path(case, "verdict"), approve).json()["id"]
    settle_due(at=timezone.now() + timedelta(seconds=31))
    assert refused(lambda: tool.post(f"verdicts/{id}/undo")) == (409, "too_late")


def test_a_second_person_signs(tool: Partner, colleague: Partner) -> None:
    case, id = awaiting_second(tool)
    assert (Verdict.objects.get().status, order_of(case).status) == ("awaiting_second", "received")
    shown = colleague.get(path(case)).json()["verdict"]
    assert (shown["id"], shown["is_yours"], shown["needs_second"]) == (id, False, True)
    first, again = (colleague.post(f"verdicts/{id}/sign", key="s") for _ in range(2))
    assert (first.status_code, first.json()["status"]) == (200, "pending")
    assert again.json() == first.json()
    assert refused(lambda: colleague.post(f"verdicts/{id}/sign")) == (409, "not_awaited")
    settle_due(at=timezone.now() + timedelta(seconds=31))
    assert order_of(case).status == "awaiting_acceptance"


def test_a_second_person_refuses_and_says_why(tool: Partner, colleague: Partner) -> None:
    _case, id = awaiting_second(tool)
    before = everything()
    assert fields(colleague.post(f"verdicts/{id}/refuse", {})) == {"/note": "required"}
    assert everything() == before
    assert colleague.post(f"verdicts/{id}/refuse", {"note": "Not so."}).json()["status"] == "refused"
    assert (Verdict.objects.get().second_note, ReviewCase.objects.get().status) == ("Not so.", "queued")


@pytest.mark.parametrize("is_superuser", [False, True])
def test_the_first_signer_never_signs(tool: Partner, lin: User, is_superuser: bool) -> None:
    _case, id = awaiting_second(tool)
    User.objects.filter(pk=lin.pk).update(is_superuser=is_superuser)
    another = Partner(make_review_key(User.objects.get(pk=lin.pk)))
    for first in (tool, another):
        assert refused(partial(first.post, f"verdicts/{id}/sign")) == (403, "first_signer")
        no = partial(first.post, f"verdicts/{id}/refuse", {"note": "No."})
        assert refused(no) == (403, "first_signer")


# ── Who is kept out, and what is not told ────────────────────────────────────────────────────────
def calls(case: ReviewCase, verdict: str) -> list[tuple[str, str, dict[str, Any]]]:
    token = {"claim_token": 1}
    return [
        ("GET", path(case), {}),
        ("POST", path(case, "claim"), {}),
        ("POST", path(case, "heartbeat"), token),
        ("POST", path(case, "release"), token),
        ("POST", path(case, "verdict"), {**token, "evidence_version": 1, "kind": "approve"}),
        ("POST", f"verdicts/{verdict}/undo", {}),
        ("POST", f"verdicts/{verdict}/sign", {}),
        ("POST", f"verdicts/{verdict}/refuse", {"note": "No."}),
    ]


def refusals(partner: Partner, case: ReviewCase, verdict: str) -> set[tuple[int, str]]:
    found = set()
    for method, url, body in calls(case, verdict):
        call = partial(partner.get, url) if method == "GET" else partial(partner.post, url, body)
        found.add(refused(call))
    return found


def test_merchants_keys_reach_no_case(tool: Partner) -> None:
    case, id = awaiting_second(tool)
    merchant = Merchant.objects.get()
    for key in (make_key(merchant, scopes=SCOPES), make_key(scopes=SCOPES)):
        assert refusals(Partner(key), case, id) == {(403, "insufficient_scope")}
        assert refused(partial(Partner(key).post, "cases/next")) == (403, "insufficient_scope")


def test_a_scope_that_got_into_a_partners_key_still_opens_nothing(tool: Partner) -> None:
    case, id = awaiting_second(tool)
    forged = make_key(scopes=SCOPES)
    APIKey.objects.filter(audience="operator").update(scopes=list(REVIEW_SCOPES))
    assert refusals(Partner(forged), case, id) == {(403, "reviewer_only")}
    assert refused(lambda: Partner(forged).post("cases/next")) == (403, "reviewer_only")


def test_a_case_of_ones_own_merchant_does_not_exist(tool: Partner, colleague: Partner) -> None:
    case, id = awaiting_second(tool)
    wei = User.objects.get(email="wei@example.com")
    Membership.objects.create(user=wei, merchant=Merchant.objects.get(), role="owner")
    assert refusals(colleague, case, id) == {(404, "not_found")}
    missing = ReviewCase(pk=new_id())
    assert refusals(colleague, missing, encode("ver", new_id())) == {(404, "not_found")}
    assert colleague.get(path(case)).json()["detail"] == colleague.get(path(missing)).json()["detail"]


def test_a_senior_queue_does_not_exist_for_juniors(tool: Partner) -> None:
    case = make_case(queue=make_queue("senior", senior=True))
    assert refused(lambda: tool.get(path(case))) == (404, "not_found")
    assert refused(lambda: tool.post(path(case, "claim"))) == (404, "not_found")
    assert tool.post("cases/next").status_code == 204


def test_who_lost_the_role_or_left_does_nothing_more(tool: Partner, lin: User) -> None:
    case, id = awaiting_second(tool)
    RoleGrant.objects.filter(user=lin).delete()
    assert refusals(tool, case, id) == {(403, "forbidden")}
    RoleGrant.objects.create(user=lin, role=Role.REVIEWER)
    User.objects.filter(pk=lin.pk).update(is_active=False)
    assert refusals(tool, case, id) == {(401, "authentication_failed")}


def test_reading_is_not_deciding(lin: User) -> None:
    case, reader = held_order_case(), Partner(make_review_key(lin, scopes=["cases:read"]))
    assert reader.get(path(case)).status_code == 200
    assert refused(lambda: reader.post(path(case, "claim"))) == (403, "insufficient_scope")


def test_a_reviewers_key_sees_no_merchants(tool: Partner) -> None:
    merchant = make_merchant()
    assert tool.get("merchants").json()["data"] == []
    assert refused(lambda: tool.get(f"merchants/{encode('mer', merchant.pk)}")) == (404, "not_found")
    assert refused(lambda: tool.get("orders")) == (403, "insufficient_scope")
    assert tool.get("usage").json()["audience"] == "reviewer"


def test_a_case_of_the_blind_sample_tells_no_decision_and_no_first_verdict(
    tool: Partner, colleague: Partner
) -> None:
    case, approve = claimed(tool, is_blind=True)
    assert tool.get(path(case)).json()["decision"] is None
    assert tool.post(path(case, "verdict"), approve).status_code == 201
    assert tool.get(path(case)).json()["verdict"] is not None
    assert colleague.get(path(case)).json()["verdict"] is None


def test_a_second_look_reads_like_work(tool: Partner, lin: User, settings: Any) -> None:
    look = reviewed_twice(make_reviewer("wei@example.com"))
    assert look.case is not None
    shown = tool.get(path(look.case)).json()
    work = tool.get(path(held_order_case())).json()
    assert shown.keys() == work.keys()
    assert (shown["status"], shown["verdict"], shown["possible_kinds"]) == (
        "queued",
        None,
        work["possible_kinds"],
    )
    assert "wei" not in str(shown).lower()
