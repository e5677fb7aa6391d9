"""A decision as a merchant may see it: what, why in safe words, and what to do. Never how it was found."""

from typing import TypedDict

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from core.reasons import decline_sentence, merchant_sentences

from .models import Decision, Outcome, Subject


class MerchantView(TypedDict):
    """The whole of it: a page or an answer for a merchant shows nothing else of a decision.

    outcome      approve, review or decline
    reasons      sentences, most severe first; empty for an approval, whatever spoke for it
    next_step    what the merchant can do, or "" where there is nothing to do
    """

    outcome: str
    reasons: list[str]
    next_step: str


def merchant_view(decision: Decision) -> MerchantView:
    """Return the merchant-safe view, in the reader's language.

    Codes of rules and reasons, points, score, inputs, thresholds, queue and tags stay
    inside: each would tell somebody how close they came, or what to change to pass. So
    does the random review of approvals.
    """
    return {
        "outcome": str(decision.outcome),
        "reasons": _reasons(decision),
        "next_step": str(_NEXT.get((decision.subject_kind, decision.outcome), "")),
    }


def _reasons(decision: Decision) -> list[str]:
    if decision.outcome == Outcome.APPROVE:
        return []
    if decision.subject_kind == Subject.ORDER and decision.outcome == Outcome.DECLINE:
        return list(dict.fromkeys(decline_sentence(code) for code in decision.reason_codes))
    return merchant_sentences(decision.reason_codes)


_NEXT: dict[tuple[str, str], Promise] = {
    (Subject.ORDER, Outcome.REVIEW): _("Please do not ship yet. You need not do anything: we will tell you."),
    (Subject.ORDER, Outcome.DECLINE): _("Please do not ship this order."),
    (Subject.LISTING, Outcome.REVIEW): _("You need not do anything: we will tell you."),
    (Subject.LISTING, Outcome.DECLINE): _("You can change the listing and submit it again, or appeal."),
    (Subject.APPLICATION, Outcome.REVIEW): _("You need not do anything: we will tell you."),
    (Subject.APPLICATION, Outcome.DECLINE): _("You can appeal, or put it right and apply again."),
}
