"""Reads on merchants, members, applications and documents.

`merchant_ids` is who the caller may act for; None means the marketplace
itself, every merchant. Somebody else's object is NotFound.
"""

from collections.abc import Collection
from datetime import datetime, timedelta

from django.db import connection
from django.db.models import Q, QuerySet

from accounts.models import APIKey, Audience, User
from core.encryption import decrypt, mask
from core.errors import NotFound
from core.lookups import find_row
from core.models import TransitionRecord

from .models import (
    ApplicationStatus,
    Document,
    Membership,
    Merchant,
    MerchantApplication,
)

MerchantIds = Collection[int] | None
OPEN_STATUSES = (
    ApplicationStatus.DRAFT,
    ApplicationStatus.SUBMITTED,
    ApplicationStatus.SCREENING,
    ApplicationStatus.IN_REVIEW,
    ApplicationStatus.INFO_REQUESTED,
)


def list_merchants_of(user: User) -> list[Merchant]:
    """List the merchants a user is a member of, oldest first."""
    return list(Merchant.objects.filter(memberships__user=user).order_by("id"))


def list_memberships(user: User) -> list[Membership]:
    """List a user's memberships with their merchants, oldest merchant first; one query."""
    return list(Membership.objects.filter(user=user).select_related("merchant").order_by("merchant_id"))


def get_membership(user: User, merchant: Merchant) -> Membership:
    """Return the user's membership; NotFound for a stranger."""
    membership = Membership.objects.filter(user_id=user.pk, merchant_id=merchant.pk).first()
    if membership is None:
        raise NotFound("No such merchant.")
    return membership


def merchant_ids_of_key(key: APIKey) -> frozenset[int] | None:
    """Return the merchants a key acts for; None for the operator's keys, which act for all.

    A reviewer's key acts for none.
    """
    if key.audience == Audience.OPERATOR:
        return None
    if key.audience == Audience.REVIEWER:
        return frozenset()
    with connection.cursor() as cursor:  # at every call of a seller: a statement of its own, not the compiler
        cursor.execute("SELECT merchant_id FROM merchants_keygrant WHERE api_key_id = %s", [key.pk])
        return frozenset(merchant_id for (merchant_id,) in cursor.fetchall())


def get_merchant(merchant_ids: MerchantIds, id: int) -> Merchant:
    """Return a merchant within the caller's reach."""
    is_own = merchant_ids is None or id in merchant_ids
    found = find_row(Merchant, id) if is_own else None
    if found is None:
        raise NotFound("No such merchant.")
    return found


def list_merchants(merchant_ids: MerchantIds) -> QuerySet[Merchant]:
    """List the merchants within the caller's reach, newest first."""
    return Merchant.objects.filter(_own(merchant_ids, "pk")).order_by("-id")


def list_applications(merchant_ids: MerchantIds) -> QuerySet[MerchantApplication]:
    """List applications within the caller's reach, newest first."""
    return MerchantApplication.objects.filter(_own(merchant_ids)).select_related("merchant").order_by("-id")


def get_application(merchant_ids: MerchantIds, id: int) -> MerchantApplication:
    """Return an application within the caller's reach, with its merchant."""
    found = list_applications(merchant_ids).filter(pk=id).first()
    if found is None:
        raise NotFound("No such application.")
    return found


def find_latest_application(merchant: Merchant) -> MerchantApplication | None:
    """Return the merchant's newest application, decided or not."""
    return list_applications({merchant.pk}).first()


def find_oldest_unscreened() -> MerchantApplication | None:
    """Return the submitted application that has waited longest for its decision."""
    waiting = MerchantApplication.objects.filter(
        status__in=[ApplicationStatus.SUBMITTED, ApplicationStatus.SCREENING]
    )
    return waiting.order_by("submitted_at", "id").first()


def list_unscreened(*, submitted_before: datetime, limit: int) -> QuerySet[MerchantApplication]:
    """List applications submitted before a moment and not decided yet, oldest first."""
    waiting = [ApplicationStatus.SUBMITTED, ApplicationStatus.SCREENING]
    overdue = MerchantApplication.objects.filter(status__in=waiting, submitted_at__lt=submitted_before)
    return overdue.order_by("submitted_at", "id")[:limit]


def estimate_review_wait(*, at: datetime) -> tuple[timedelta, timedelta] | None:
    """Return median and 90th percentile of the last 30 days' waits from submission to decision.

    None with fewer than five decided applications: an estimate from less would promise too much.
    """
    recent = MerchantApplication.objects.filter(
        decided_at__gte=at - timedelta(days=30), decided_at__lte=at, submitted_at__isnull=False
    )
    waits = sorted(
        decided - submitted
        for submitted, decided in recent.order_by("-decided_at").values_list("submitted_at", "decided_at")[
            :500
        ]
        if submitted is not None and decided is not None
    )
    if len(waits) < 5:
        return None
    return waits[len(waits) // 2], waits[int(len(waits) * 0.9)]


def count_waiting_before(application: MerchantApplication) -> int:
    """Count the applications in review that were submitted earlier."""
    earlier = MerchantApplication.objects.filter(
        status=ApplicationStatus.IN_REVIEW, submitted_at__lt=application.submitted_at
    )
    return earlier.count()


def list_documents(application: MerchantApplication) -> list[Document]:
    """List an application's documents, newest first."""
    return list(application.documents.order_by("-id"))


def get_document(merchant_ids: MerchantIds, id: int) -> Document:
    """Return a document within the caller's reach, with its application."""
    documents = Document.objects.filter(_own(merchant_ids, "application__merchant_id"), pk=id)
    found = documents.select_related("application__merchant").first()
    if found is None:
        raise NotFound("No such document.")
    return found


def list_history(application: MerchantApplication) -> list[TransitionRecord]:
    """List the moves of an application, oldest first."""
    records = TransitionRecord.objects.filter(subject_kind="application", subject_id=application.pk)
    return list(records.order_by("id"))


def reveal(sealed: bytes | memoryview | None) -> str:
    """Return an encrypted answer in the clear, "" if it was not given."""
    return "" if sealed is None else decrypt(sealed)


def reveal_masked(sealed: bytes | memoryview | None) -> str:
    """Return an encrypted answer with all but its end hidden, "" if it was not given."""
    return "" if sealed is None else mask(decrypt(sealed))


def _own(merchant_ids: MerchantIds, field: str = "merchant_id") -> Q:
    return Q() if merchant_ids is None else Q(**{f"{field}__in": merchant_ids})
