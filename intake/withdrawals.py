"""Something is taken back or cancelled: it ends, and so does the question that people were asked about it."""

from datetime import datetime

import catalog.services
import merchants.services
import orders.handling
from cases.services import cancel_case_of
from catalog.models import ListingRevision
from core import journal
from core.actors import Actor
from core.refs import Ref
from merchants.models import MerchantApplication
from orders.models import Order


def withdraw_application(application: MerchantApplication, *, actor: Actor, at: datetime) -> None:
    """End an open application and its case."""
    with journal.unit():
        merchants.services.withdraw_application(application, actor=actor)
        cancel_case_of(Ref("application", application.pk), actor=actor, at=at)


def withdraw_revision(revision: ListingRevision, *, actor: Actor, at: datetime) -> None:
    """End an open listing revision and its case; what is live stays live."""
    with journal.unit():
        catalog.services.withdraw_revision(revision, actor=actor)
        cancel_case_of(Ref("listing", revision.pk), actor=actor, at=at)


def cancel_order(order: Order, *, actor: Actor, at: datetime, reason: str) -> None:
    """Cancel an order before it ships, and close the case of one that was held."""
    with journal.unit():
        orders.handling.cancel_order(order, actor=actor, at=at, reason=reason)
        cancel_case_of(Ref("order", order.pk), actor=actor, at=at)
