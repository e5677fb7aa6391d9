"""Cases and verdicts as reviewers' tools see them: what their person sees in the console, and no more."""

from datetime import datetime
from typing import Any

from rest_framework import serializers

from accounts.models import User
from api.v1.fields import Shape, moment, public_id
from cases.appeals import find_appeal
from cases.choices import reasons_for, requestable
from cases.claims import has_expired
from cases.effects import possible_kinds
from cases.models import CaseStatus, ReviewCase, Verdict, VerdictKind, VerdictStatus
from cases.selectors import find_waiting_verdict
from core.ids import encode
from core.refs import Ref
from risk.models import Decision, Outcome, Subject
from risk.selectors import find_decision

_PREFIXES = {
    Subject.ORDER: "ord",
    Subject.LISTING: "rev",
    Subject.APPLICATION: "app",
    Subject.MERCHANT: "mer",
}


class Choice(Shape):
    code = serializers.CharField()
    label = serializers.CharField(  # type: ignore[assignment]
        help_text="In the language of `Accept-Language`."
    )


class CaseSubject(Shape):
    kind = serializers.ChoiceField(Subject.values)
    id = serializers.CharField(help_text="Of a listing, the revision that is judged.")


class Claim(Shape):
    token = serializers.IntegerField(help_text="Send it with your verdict, as `claim_token`.")
    expires_at = serializers.DateTimeField(help_text="A heartbeat prolongs it.")


class JudgedDecision(Shape):
    id = serializers.CharField()
    outcome = serializers.ChoiceField(Outcome.values)
    reason_codes = serializers.ListField(child=serializers.CharField())


class VerdictDetail(Shape):
    id = serializers.CharField()
    case = serializers.CharField()
    kind = serializers.ChoiceField(VerdictKind.values)
    status = serializers.ChoiceField(VerdictStatus.values)
    is_yours = serializers.BooleanField(help_text="You gave it or signed it.")
    needs_second = serializers.BooleanField(help_text="It takes two people.")
    is_final = serializers.BooleanField()
    reason_codes = serializers.ListField(child=serializers.CharField())
    requested = serializers.ListField(child=serializers.CharField())
    message = serializers.CharField(allow_blank=True)
    note = serializers.CharField(allow_blank=True)
    hold_until = serializers.DateTimeField(allow_null=True)
    effective_at = serializers.DateTimeField(
        allow_null=True, help_text="When it takes or took effect; until then it can be undone."
    )
    created_at = serializers.DateTimeField()


class CaseDetail(Shape):
    id = serializers.CharField()
    status = serializers.ChoiceField(CaseStatus.values)
    queue = serializers.CharField(help_text="Its code.")
    title = serializers.CharField()
    subject = CaseSubject()
    merchant = serializers.CharField(allow_null=True)
    due_at = serializers.DateTimeField()
    evidence_version = serializers.IntegerField(help_text="It grows when new evidence comes in.")
    claim = Claim(allow_null=True, help_text="Yours, while it lives; null for every other case.")
    possible_kinds = serializers.ListField(child=serializers.ChoiceField(VerdictKind.values))
    reasons = Choice(many=True, help_text="What a verdict may give as its reason.")
    requestable = Choice(many=True, help_text="What the merchant can be asked for.")
    decision = JudgedDecision(
        allow_null=True,
        help_text="The system’s; null if there is none, or if the case is judged on its evidence alone.",
    )
    verdict = VerdictDetail(
        allow_null=True, help_text="The one that waits for its moment or for a signature."
    )


def render_case(case: ReviewCase, person: User, *, at: datetime) -> dict[str, Any]:
    """Return the public form for one reviewer; neither a blind review nor a golden copy tells what it is."""
    waiting = find_waiting_verdict(case)
    if waiting is not None and case.is_blind and waiting.reviewer_id != person.pk:
        waiting = None
    decision = None if case.is_blind else _judged(case)
    return {
        "id": encode("cas", case.pk),
        "status": str(case.status),
        "queue": case.queue.code,
        "title": case.title,
        "subject": {
            "kind": case.subject_kind,
            "id": encode(_PREFIXES[Subject(case.subject_kind)], case.subject_id),
        },
        "merchant": public_id("mer", case.merchant_id),
        "due_at": moment(case.due_at),
        "evidence_version": case.evidence_version,
        "claim": _claim(case, person, at),
        "possible_kinds": [str(kind) for kind in possible_kinds(case)],
        "reasons": [{"code": one.code, "label": str(one.staff)} for one in reasons_for(case)],
        "requestable": [{"code": code, "label": label} for code, label in requestable(case)],
        "decision": decision and _decision(decision),
        "verdict": waiting and render_verdict(waiting, person),
    }


def render_verdict(verdict: Verdict, person: User) -> dict[str, Any]:
    """Return the public form; no query."""
    return {
        "id": encode("ver", verdict.pk),
        "case": encode("cas", verdict.case_id),
        "kind": str(verdict.kind),
        "status": str(verdict.status),
        "is_yours": person.pk in {verdict.reviewer_id, verdict.second_id},
        "needs_second": verdict.needs_second,
        "is_final": verdict.is_final,
        "reason_codes": verdict.reason_codes,
        "requested": verdict.requested,
        "message": verdict.message,
        "note": verdict.note,
        "hold_until": moment(verdict.hold_until),
        "effective_at": moment(verdict.effective_at),
        "created_at": moment(verdict.created_at),
    }


def _claim(case: ReviewCase, person: User, at: datetime) -> dict[str, Any] | None:
    is_mine = case.status == CaseStatus.CLAIMED and case.claimed_by_id == person.pk
    if not is_mine or has_expired(case, at):
        return None
    return {"token": case.claim_token, "expires_at": moment(case.claim_expires_at)}


def _judged(case: ReviewCase) -> Decision | None:
    """Return the system's decision that a case is about; of an appeal the one on what it objects to."""
    if case.decision is not None or find_appeal(case) is None:
        return case.decision
    return find_decision(Ref(case.subject_kind, case.subject_id))


def _decision(decision: Decision) -> dict[str, Any]:
    return {
        "id": encode("dec", decision.pk),
        "outcome": str(decision.outcome),
        "reason_codes": list(decision.reason_codes),
    }
