"""What a reviewer looks at, gathered per subject for the case page."""

from dataclasses import dataclass

from cases.models import ReviewCase
from core.errors import NotFound
from risk.models import Subject

from . import applications, listings, merchants, orders


@dataclass(frozen=True)
class Evidence:
    """What to show and with which template."""

    template: str
    facts: object


def gather_evidence(subject_kind: str, subject_id: int) -> Evidence:
    """Return the evidence on a subject as it stands now; NotFound if it is gone."""
    if subject_kind == Subject.ORDER:
        return Evidence("console/evidence/_order.html", orders.gather(subject_id))
    if subject_kind == Subject.LISTING:
        return Evidence("console/evidence/_listing.html", listings.gather(subject_id))
    if subject_kind == Subject.APPLICATION:
        return Evidence("console/evidence/_application.html", applications.gather(subject_id))
    if subject_kind == Subject.MERCHANT:
        return Evidence("console/evidence/_merchant.html", merchants.gather(subject_id))
    raise NotFound("No such subject.")


def evidence_of(case: ReviewCase) -> Evidence:
    return gather_evidence(case.subject_kind, case.subject_id)
