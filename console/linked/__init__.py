"""What hangs together with a subject within two steps: a small graph and the same as a table."""

from cases.models import ReviewCase
from catalog.models import ListingRevision
from merchants.models import Merchant
from merchants.selectors import find_latest_application
from risk.models import Subject

from . import applications, orders
from .graph import Links

__all__ = ["Links", "links_of"]


def links_of(case: ReviewCase) -> Links | None:
    """Return what is linked with a case's subject; None where nothing could link it.

    An order is linked by its device, card and address; whatever concerns a
    merchant by what its latest application gave.
    """
    if case.subject_kind == Subject.ORDER:
        return orders.gather(case.subject_id)
    if case.subject_kind == Subject.APPLICATION:
        return applications.gather(case.subject_id)
    merchant = _merchant_of(case)
    latest = find_latest_application(merchant) if merchant is not None else None
    return applications.gather(latest.pk) if latest is not None and latest.submitted_at else None


def _merchant_of(case: ReviewCase) -> Merchant | None:
    if case.subject_kind == Subject.MERCHANT:
        return Merchant.objects.filter(pk=case.subject_id).first()
    revision = ListingRevision.objects.filter(pk=case.subject_id).select_related("listing__merchant").first()
    return revision.listing.merchant if revision is not None else None
