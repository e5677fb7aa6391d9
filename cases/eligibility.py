"""Which cases of a selection a verdict can be given on, and why not on the others. Set-based: six queries.

The page asks before anything happens; the worker is told by the services themselves, case by case.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from accounts.models import User
from accounts.permissions import Permission, has_permission
from merchants.models import Membership

from .bulk_models import SelectedCase, Selection
from .claims import has_expired
from .effects import possible_kinds
from .models import (
    OPEN,
    Appeal,
    CaseExclusion,
    CaseStatus,
    ReviewCase,
    Verdict,
    VerdictKind,
    VerdictStatus,
)
from .signatures import needs_second

READY, SECOND = "ready", "second"
# Why a case is left alone, in the words of the page; the codes are those of the services where they have one.
REASONS: Mapping[str, Promise] = {
    "case_closed": _("Closed meanwhile"),
    "not_queued": _("Decided, awaiting somebody or put aside"),
    "already_claimed": _("Another reviewer is working on it"),
    "evidence_changed": _("The evidence has changed since you chose it"),
    "queue_changed": _("It has gone to another queue"),
    "own_merchant": _("Of a merchant you belong to"),
    "opened_by_you": _("You opened it yourself"),
    "assigned_to_another": _("Given to another person"),
    "own_escalation": _("You escalated it yourself"),
    "own_decision": _("You decided about it before"),
    "appeal": _("An appeal: decided one by one"),
    "blind": _("A routine check: decided one by one"),
    "not_possible": _("This verdict is not offered here"),
    "forbidden": _("Your role does not allow it"),
    "stale_claim": _("The claim has passed on"),
    "claim_expired": _("The claim has run out"),
    "validation_failed": _("The verdict does not fit this case"),
    "invalid_transition": _("The case has moved on"),
    "stale_state": _("The case has moved on"),
    "conflict": _("The case has moved on"),
    "too_late": _("Its time to undo had passed"),
    "voided": _("Lapsed: the evidence or the subject changed"),
    "settled": _("Settled otherwise meanwhile"),
    "internal": _("Failed on our side; nothing was recorded"),
}


@dataclass(frozen=True)
class Candidate:
    """One case of a selection; `code` is "ready", "second" or why it is left alone."""

    member: SelectedCase
    case: ReviewCase
    code: str

    @property
    def can_be_decided(self) -> bool:
        return self.code in {READY, SECOND}


def list_candidates(
    selection: Selection, *, kind: str = "", is_final: bool = False, at: datetime
) -> list[Candidate]:
    """List the cases of a selection as its reviewer could decide them now, in order of work.

    kind    "" asks only what does not depend on the verdict
    """
    members = list(selection.members.order_by("position"))
    cases = {
        case.pk: case
        for case in ReviewCase.objects.filter(pk__in=[member.case_id for member in members])
        .select_related("queue", "decision", "claimed_by")
        .defer("decision__snapshot", "decision__features")
    }
    known = _read(selection.reviewer, list(cases))
    candidates = []
    for member in members:
        case = cases[member.case_id]
        code = _why_not(member, case, selection, known, at) or _of_kind(case, kind, is_final=is_final)
        candidates.append(Candidate(member, case, code))
    return candidates


def one_by_one(case: ReviewCase) -> str:
    """Return why a case is never decided in bulk: "appeal", "blind", or "" if it may be.

    An appeal is a promise that somebody looks; the random sample yields labels only if somebody does.
    """
    if case.is_blind:
        return "blind"
    return "appeal" if Appeal.objects.filter(case=case).exists() else ""


@dataclass(frozen=True)
class _Known:
    """What is known of the reviewer and the cases: ids of cases or merchants."""

    user: User
    merchants: Collection[int]
    escalated: Collection[int]
    excluded: Collection[int]
    appeals: Collection[int]


def _read(user: User, ids: Sequence[int]) -> _Known:
    escalated = Verdict.objects.filter(case_id__in=ids, reviewer=user, kind=VerdictKind.ESCALATE)
    return _Known(
        user,
        set(Membership.objects.filter(user=user).values_list("merchant_id", flat=True)),
        set(escalated.values_list("case_id", flat=True)),
        set(CaseExclusion.objects.filter(case_id__in=ids, user=user).values_list("case_id", flat=True)),
        set(Appeal.objects.filter(case_id__in=ids).values_list("case_id", flat=True)),
    )


def _why_not(
    member: SelectedCase, case: ReviewCase, selection: Selection, known: _Known, at: datetime
) -> str:
    """Return the first reason that keeps the reviewer from this case, "" if none does."""
    user = known.user
    is_others = (
        case.status == CaseStatus.CLAIMED and case.claimed_by_id != user.pk and not has_expired(case, at)
    )
    lacks_role = case.queue.needs_senior and not has_permission(user, Permission.REVIEW_SENIOR_CASES)
    reasons = (
        ("case_closed", case.status not in OPEN),
        ("not_queued", case.status not in {CaseStatus.QUEUED, CaseStatus.CLAIMED}),
        ("already_claimed", is_others),
        ("queue_changed", case.queue_id != selection.queue_id),
        ("evidence_changed", case.evidence_version != member.evidence_version),
        ("forbidden", lacks_role or not has_permission(user, Permission.REVIEW_CASES)),
        ("own_merchant", case.merchant_id in known.merchants),
        ("opened_by_you", case.opened_by_id == user.pk),
        ("assigned_to_another", case.assigned_to_id not in {None, user.pk}),
        ("own_escalation", case.pk in known.escalated),
        ("own_decision", case.pk in known.excluded),
        ("appeal", case.pk in known.appeals),
        ("blind", case.is_blind),
    )
    return next((code for code, holds in reasons if holds), "")


def _of_kind(case: ReviewCase, kind: str, *, is_final: bool) -> str:
    if not kind:
        return READY
    # An appeal is out already, so that this asks nothing of the database.
    if kind not in possible_kinds(case, is_appeal=False):
        return "not_possible"
    return SECOND if needs_second(case, kind, is_final=is_final) else READY


# What became of a verdict that cannot be undone any more.
WHY_KEPT: Mapping[str, str] = {
    VerdictStatus.EFFECTIVE: "too_late",
    VerdictStatus.VOID: "voided",
}
