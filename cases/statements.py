"""What the merchant will read about a verdict, in any language of the house."""

from collections.abc import Sequence
from dataclasses import dataclass

from django.utils import translation
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from core.reasons import merchant_sentences
from risk.models import Subject

from .models import ReviewCase, VerdictKind


@dataclass(frozen=True)
class Statement:
    """A heading, the sentence of each reason, and the reviewer's own words as they wrote them."""

    language: str
    heading: str
    sentences: tuple[str, ...]
    message: str


def write_statement(
    case: ReviewCase, kind: str, *, reason_codes: Sequence[str], message: str, language: str
) -> Statement:
    """Return the statement; an escalated case says nothing to the merchant and has no heading."""
    with translation.override(language):
        heading = _HEADINGS.get((case.subject_kind, kind), "")
        return Statement(
            language=language,
            heading=str(heading) % {"title": case.title} if heading else "",
            sentences=tuple(merchant_sentences(reason_codes)) if kind != VerdictKind.APPROVE else (),
            message=message.strip(),
        )


_HEADINGS: dict[tuple[str, str], Promise] = {
    (Subject.ORDER, VerdictKind.APPROVE): _("Order %(title)s is released. You can handle it now."),
    (Subject.ORDER, VerdictKind.REJECT): _("Order %(title)s was declined. Please do not ship it."),
    (Subject.LISTING, VerdictKind.APPROVE): _("“%(title)s” is approved and live."),
    (Subject.LISTING, VerdictKind.REJECT): _("“%(title)s” was rejected."),
    (Subject.LISTING, VerdictKind.REQUEST_INFO): _("“%(title)s” needs changes before it can go live."),
    (Subject.APPLICATION, VerdictKind.APPROVE): _("Your application for %(title)s is approved. Welcome."),
    (Subject.APPLICATION, VerdictKind.REJECT): _("Your application for %(title)s was rejected."),
    (Subject.APPLICATION, VerdictKind.REQUEST_INFO): _("We need more information about %(title)s."),
}
