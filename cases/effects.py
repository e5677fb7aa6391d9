"""What a verdict does to its subject, and the label it leaves."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from catalog import services as catalog
from catalog.models import ListingRevision
from core.actors import Actor
from core.refs import Ref
from merchants import services as merchants
from merchants.models import MerchantApplication
from merchants.services import RequestedItem
from orders import services as orders
from orders.models import Order
from risk import services as risk
from risk.models import LabelSource, Subject

from .appeals import find_appeal, settle_appeal
from .models import ReviewCase, Verdict, VerdictKind
from .quality.weights import label_weight

_JUDGEMENTS = {VerdictKind.APPROVE: False, VerdictKind.REJECT: True}  # verdict → is_bad
# Only these subjects have somebody who can be asked: an order's buyer is the partner's customer, not ours.
CAN_BE_ASKED = {Subject.APPLICATION, Subject.LISTING}


def possible_kinds(case: ReviewCase, *, is_appeal: bool | None = None) -> tuple[VerdictKind, ...]:
    """Return the verdicts this case allows, in the order of their buttons. One query at most.

    is_appeal   None looks it up
    """
    kinds = [VerdictKind.APPROVE, VerdictKind.REJECT]
    is_asked = case.subject_kind in CAN_BE_ASKED and not case.is_blind
    if is_asked and not (find_appeal(case) is not None if is_appeal is None else is_appeal):
        kinds.append(VerdictKind.REQUEST_INFO)
    hidden = case.queue.hidden_verdicts
    return tuple(kind for kind in (*kinds, VerdictKind.ESCALATE, VerdictKind.HOLD) if kind not in hidden)


def may_be_final(case: ReviewCase, kind: str) -> bool:
    """Tell whether this verdict can close the door for good: the rejection of an application can."""
    return kind == VerdictKind.REJECT and case.subject_kind == Subject.APPLICATION


def apply_verdict(case: ReviewCase, verdict: Verdict, *, actor: Actor, at: datetime) -> None:
    """Change the subject as the verdict says, and write the label of a judgement.

    The verdict on an appeal settles that instead. A case of the blind sample
    leaves its subject alone: it went on long ago, and the answer is only wanted
    as an unbiased label.
    """
    appeal = find_appeal(case) if verdict.kind in _JUDGEMENTS else None
    if appeal is not None:
        settle_appeal(appeal, verdict, actor=actor, at=at)
        return
    apply = _EFFECTS.get(case.subject_kind)
    if apply is not None and not case.is_blind:
        apply(_Change(case, verdict, actor, at))
    if verdict.kind in _JUDGEMENTS:
        _record_label(case, verdict, at)


@dataclass(frozen=True)
class _Change:
    case: ReviewCase
    verdict: Verdict
    actor: Actor
    at: datetime

    @property
    def codes(self) -> list[str]:
        return list(self.verdict.reason_codes)

    @property
    def sentence(self) -> str:
        """The reviewer's words beside each thing asked for; without any the reason speaks for itself."""
        return self.verdict.message


def _change_order(change: _Change) -> None:
    order = Order.objects.get(pk=change.case.subject_id)
    if change.verdict.kind == VerdictKind.APPROVE:
        orders.approve_order(order, actor=change.actor, at=change.at, reason_codes=change.codes)
    else:
        orders.decline_order(
            order, actor=change.actor, at=change.at, reason_codes=change.codes, message=change.sentence
        )


def _change_revision(change: _Change) -> None:
    revision = ListingRevision.objects.select_related("listing").get(pk=change.case.subject_id)
    if change.verdict.kind == VerdictKind.APPROVE:
        catalog.approve_revision(revision, actor=change.actor, at=change.at, reason_codes=change.codes)
    elif change.verdict.kind == VerdictKind.REJECT:
        catalog.reject_revision(
            revision, actor=change.actor, at=change.at, reason_codes=change.codes, message=change.sentence
        )
    else:
        issues = [
            {"code": change.codes[0], "severity": "error", "field": field, "detail": change.sentence}
            for field in change.verdict.requested
        ]
        catalog.request_changes(
            revision,
            issues,
            actor=change.actor,
            at=change.at,
            reason_codes=change.codes,
            message=change.sentence,
        )


def _change_application(change: _Change) -> None:
    application = MerchantApplication.objects.select_related("merchant").get(pk=change.case.subject_id)
    if change.verdict.kind == VerdictKind.APPROVE:
        merchants.approve_application(
            application, actor=change.actor, at=change.at, reason_codes=change.codes
        )
    elif change.verdict.kind == VerdictKind.REJECT:
        merchants.reject_application(
            application,
            actor=change.actor,
            at=change.at,
            reason_codes=change.codes,
            is_final=change.verdict.is_final,
            message=change.sentence,
        )
    else:
        items = [
            RequestedItem(requirement=code, code=change.codes[0], message=change.sentence)
            for code in change.verdict.requested
        ]
        merchants.request_information(
            application, items, actor=change.actor, at=change.at, message=change.sentence
        )


# A merchant account is not changed from here: restricting one is staff's decision, with its own reasons.
_EFFECTS: dict[str, Callable[[_Change], None]] = {
    Subject.ORDER: _change_order,
    Subject.LISTING: _change_revision,
    Subject.APPLICATION: _change_application,
}


def _record_label(case: ReviewCase, verdict: Verdict, at: datetime) -> None:
    is_order = case.subject_kind == Subject.ORDER
    risk.record_label(
        Ref(case.subject_kind, case.subject_id),
        is_bad=_JUDGEMENTS[VerdictKind(verdict.kind)],
        source=LabelSource.VERDICT,
        occurred_at=at,
        known_at=at,
        order=Order.objects.get(pk=case.subject_id) if is_order else None,
        merchant_id=case.merchant_id,
        weight=label_weight({verdict.reviewer_id, verdict.second_id} - {None}, case.queue_id),
    )
