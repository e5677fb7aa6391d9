"""A merchant takes something back: it ends, and so does the question that people were asked about it."""

from datetime import datetime

import catalog.services
import merchants.services
from cases.services import cancel_case_of
from catalog.models import ListingRevision
from core import journal
from core.actors import Actor
from core.refs import Ref
from merchants.models import MerchantApplication


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
