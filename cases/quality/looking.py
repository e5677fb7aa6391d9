"""What becomes a second look: a draw, an answer, a signature, an appeal."""

from collections.abc import Collection
from datetime import datetime

from core import journal
from risk.models import Decision, Outcome

from ..models import CasePurpose, ReviewCase, Verdict, VerdictKind, VerdictStatus
from .models import LookKind, LookReason, LookRule, SecondLook
from .sampling import is_drawn, open_like

_JUDGEMENTS = {VerdictKind.APPROVE, VerdictKind.REJECT}


def note_effect(case: ReviewCase, verdict: Verdict, *, at: datetime) -> None:
    """Take note of a verdict that is taking effect: it answers a look, or may be looked at again itself.

    case    locked; the verdict's subject has been changed if it is work
    """
    if case.purpose != CasePurpose.WORK:
        _answer(case, verdict, at)
    elif case.is_blind:
        _compare_with_the_system(case, verdict, at)
    elif verdict.kind in _JUDGEMENTS:
        if verdict.second_id is not None:
            note_signature(verdict, is_upheld=True, at=at)
        # Two people saw it already.
        elif is_drawn(case.queue.blind_share, "blind", case.pk, verdict.pk):
            _ask_again(case, verdict, at)


def note_signature(verdict: Verdict, *, is_upheld: bool, at: datetime) -> None:
    """Keep what the second signer made of a verdict: signed it, refused to, or took it back."""
    case = verdict.case
    look = _look(LookKind.SIGNATURE, case, verdict, at)
    look.original, look.case = case, case
    look.second_reviewer_id, look.is_agreed, look.answered_at = verdict.second_id, is_upheld, at
    look.is_first_right = is_upheld
    _keep(look, case.decision)


def note_appeal(case: ReviewCase, statement_decided_at: datetime, verdict: Verdict, *, at: datetime) -> None:
    """Keep what an appeal made of the decision it was about, whoever had decided."""
    earlier = Verdict.objects.filter(
        case__subject_kind=case.subject_kind,
        case__subject_id=case.subject_id,
        case__purpose=CasePurpose.WORK,
        case__is_blind=False,
        kind=VerdictKind.REJECT,
        status=VerdictStatus.EFFECTIVE,
    )
    first = earlier.exclude(case=case).select_related("case__decision").order_by("-pk").first()
    decision = first.case.decision if first else _last_decision(case)
    if first is None:
        look = SecondLook(
            kind=LookKind.APPEAL,
            queue_id=case.queue_id,
            judged_at=statement_decided_at,
            first_kind=VerdictKind.REJECT,
            created_at=at,
        )
    else:
        look = _look(LookKind.APPEAL, first.case, first, at)
        look.original = first.case
    look.case, look.model_id = case, decision.model_id if decision else None
    is_upheld = verdict.kind == VerdictKind.APPROVE
    _fill_in(look, verdict, at)
    look.is_agreed, look.is_first_right, look.is_undone = not is_upheld, not is_upheld, is_upheld
    if SecondLook.objects.filter(kind=LookKind.APPEAL, first_verdict=first).exists() and first is not None:
        return
    _keep(look, decision)


def _ask_again(case: ReviewCase, verdict: Verdict, at: datetime) -> None:
    copy = open_like(case, CasePurpose.BLIND, kept_away=[verdict.reviewer_id], at=at)
    look = _look(LookKind.BLIND, case, verdict, at)
    look.original, look.case = case, copy
    _keep(look, case.decision)


def _answer(case: ReviewCase, verdict: Verdict, at: datetime) -> None:
    look = SecondLook.objects.select_for_update().filter(case=case, answered_at=None).first()
    if look is None:
        return
    _fill_in(look, verdict, at)
    look.is_agreed = look.second_kind == look.first_kind
    if look.kind == LookKind.GOLDEN:
        look.is_second_right = look.is_agreed
    elif look.is_agreed:
        look.is_first_right = look.is_second_right = True
    look.save()
    if look.kind == LookKind.BLIND:
        for code in sorted({*look.first_codes, *look.second_codes}):
            journal.add(
                LookReason(
                    look=look,
                    code=code,
                    by_first=code in look.first_codes,
                    by_second=code in look.second_codes,
                )
            )


def _compare_with_the_system(case: ReviewCase, verdict: Verdict, at: datetime) -> None:
    """Put a verdict of the random sample beside what the system had decided."""
    if case.decision is None or SecondLook.objects.filter(case=case, kind=LookKind.SAMPLE).exists():
        return
    decision = case.decision
    look = SecondLook(
        kind=LookKind.SAMPLE,
        queue_id=case.queue_id,
        case=case,
        judged_at=decision.created_at,
        model_id=decision.model_id,
        first_kind=VerdictKind.APPROVE if decision.outcome == Outcome.APPROVE else VerdictKind.REJECT,
        first_codes=decision.reason_codes,
        created_at=at,
    )
    _fill_in(look, verdict, at)
    look.is_agreed = look.second_kind == look.first_kind
    look.is_first_right = True if look.is_agreed else None
    _keep(look, decision)


def _look(kind: LookKind, case: ReviewCase, verdict: Verdict, at: datetime) -> SecondLook:
    return SecondLook(
        kind=kind,
        queue_id=case.queue_id,
        judged_at=verdict.created_at,
        model_id=case.decision.model_id if case.decision else None,
        first_verdict=verdict,
        first_reviewer_id=verdict.reviewer_id,
        first_kind=verdict.kind,
        first_codes=verdict.reason_codes,
        created_at=at,
    )


def _fill_in(look: SecondLook, verdict: Verdict, at: datetime) -> None:
    look.second_verdict, look.second_reviewer_id = verdict, verdict.reviewer_id
    look.second_kind, look.second_codes = verdict.kind, verdict.reason_codes
    look.answered_at = at


def _keep(look: SecondLook, decision: Decision | None) -> None:
    journal.add(look)
    for code in sorted(_matched(decision)):
        journal.add(LookRule(look=look, code=code))


def _matched(decision: Decision | None) -> Collection[str]:
    """Return the codes of the rules that matched with effect."""
    from ..similar import matched_rules

    return matched_rules(decision.snapshot.get("evaluation") or {}) if decision else ()


def _last_decision(case: ReviewCase) -> Decision | None:
    decisions = Decision.objects.filter(subject_kind=case.subject_kind, subject_id=case.subject_id)
    return decisions.order_by("-pk").first()
