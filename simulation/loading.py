"""Put a sample's standing rows into the database: categories, merchants, decided applications, listings.

Orders go through the importer; what is streamed goes through the pipeline.
This is history: it is final, not judged again, and announces nothing.
"""

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

import polars as pl
from django.conf import settings
from django.db import transaction
from django.utils import timezone

from catalog.models import BannedTerm, Category, Listing, ListingRevision, ListingStatus, RevisionStatus
from core.ids import new_id
from core.models import Effect, ExchangeRate, Statement
from core.money import convert
from core.statements import columns
from merchants.answers import ApplicationFields, clean_answers
from merchants.models import ApplicationStatus, EntityType, Merchant, MerchantApplication, MerchantStatus
from merchants.requirements import TERMS_VERSION
from merchants.services import about
from risk.models import Label, LabelSource, Subject

from .marketplace import SampleMarketplace

# How long it takes until an application or a listing has shown what it is.
MATURITY = timedelta(days=30)
# The sample's kinds of applicants in our words; everybody else trades alone.
ENTITY_TYPES = {"company": EntityType.COMPANY, "partnership": EntityType.COMPANY}
_BATCH = 2_000

Row = Mapping[str, Any]


def load_standing(sample: SampleMarketplace, *, before: datetime) -> None:
    """Load what stood before a moment; loading it again changes nothing."""
    with transaction.atomic():
        load_rates(sample.orders)
        categories = load_categories(sample.categories)
        merchants = load_merchants(sample.merchants.filter(pl.col("joined_at") < before))
        applications = sample.applications.filter(pl.col("submitted_at") < before)
        load_applications(applications, merchants)
        load_listings(sample.listings.filter(pl.col("submitted_at") < before), merchants, categories)


def load_rates(orders: pl.DataFrame) -> None:
    """Take each currency's first rate as the one valid from the sample's start."""
    first = (
        orders.sort("placed_at").unique("currency", keep="first").select("currency", "fx_rate", "placed_at")
    )
    ExchangeRate.objects.bulk_create(
        [
            ExchangeRate(
                currency=row["currency"], rate=Decimal(str(row["fx_rate"])), valid_from=_day(row["placed_at"])
            )
            for row in first.iter_rows(named=True)
        ],
        ignore_conflicts=True,
    )


def load_categories(frame: pl.DataFrame) -> dict[str, Category]:
    """Return every category by code, parents before children."""
    found = {category.code: category for category in Category.objects.all()}
    for row in frame.sort("parent_code", nulls_last=False).iter_rows(named=True):
        if row["code"] in found:
            continue
        found[row["code"]] = Category.objects.create(
            code=row["code"],
            parent=found.get(row["parent_code"]),
            name_en=row["name_en"],
            name_zh=row["name_zh"],
            median_price_minor=row["median_price_minor"],
        )
        terms = [BannedTerm(term=term, category=found[row["code"]]) for term in row["prohibited_terms"]]
        BannedTerm.objects.bulk_create(terms, ignore_conflicts=True)
    return found


def load_merchants(frame: pl.DataFrame) -> dict[str, Merchant]:
    """Return every merchant of the frame by its reference."""
    rows = [
        Merchant(
            name=row["name"],
            country=row["country"],
            external_ref=row["merchant_ref"],
            status=MerchantStatus.ACTIVE,
            trust_tier=1,
            joined_at=row["joined_at"],
        )
        for row in frame.iter_rows(named=True)
    ]
    Merchant.objects.bulk_create(rows, batch_size=_BATCH, ignore_conflicts=True)
    refs = frame["merchant_ref"].to_list()
    return {
        str(merchant.external_ref): merchant
        for start in range(0, len(refs), _BATCH)
        for merchant in Merchant.objects.filter(external_ref__in=refs[start : start + _BATCH])
    }


def load_applications(frame: pl.DataFrame, merchants: Mapping[str, Merchant]) -> None:
    """Load decided applications, admitted or rejected, each with what it proved to be."""
    known = set(MerchantApplication.objects.exclude(external_ref=None).values_list("external_ref", flat=True))
    applications, labels, refused, statements = [], [], [], []
    for row in frame.iter_rows(named=True):
        if row["application_ref"] in known:
            continue
        merchant = merchants.get(row["merchant_ref"] or "")
        if merchant is None:
            merchant = Merchant(
                name=row["company_name"], country=row["country"], joined_at=row["submitted_at"]
            )
            refused.append(merchant)
        application = _application(row, merchant, is_admitted=row["merchant_ref"] is not None)
        if application.status == ApplicationStatus.REJECTED:
            statements.append(_state_reasons(application))
        applications.append(application)
        labels.append(_label(Subject.APPLICATION, application.pk, merchant.pk, row))
    Merchant.objects.bulk_create(refused, batch_size=_BATCH)
    Statement.objects.bulk_create(statements, batch_size=_BATCH)
    MerchantApplication.objects.bulk_create(applications, batch_size=_BATCH)
    _create_labels(labels)


def _state_reasons(application: MerchantApplication) -> Statement:
    assert application.decided_at is not None
    values = columns(
        about(application),
        Effect.REJECTED,
        reason_codes=application.reason_codes,
        is_automated=False,
        at=application.decided_at,
    )
    application.rejection_statement = statement = Statement(**values)
    return statement


def load_listings(
    frame: pl.DataFrame, merchants: Mapping[str, Merchant], categories: Mapping[str, Category]
) -> None:
    """Load listings with one approved revision each; those that proved bad were taken down since."""
    known = set(Listing.objects.values_list("merchant_id", "sku"))
    rates = dict(ExchangeRate.objects.values_list("currency", "rate"))
    listings, revisions, labels = [], [], []
    for row in frame.iter_rows(named=True):
        merchant = merchants.get(row["merchant_ref"])
        if merchant is None or (merchant.pk, row["listing_ref"]) in known:
            continue
        listing = Listing(merchant=merchant, sku=row["listing_ref"], stock=row["stock"])
        revision = _revision(row, listing, categories[row["category_code"]], rates)
        listings.append(listing)
        revisions.append(revision)
        labels.append(_label(Subject.LISTING, revision.pk, merchant.pk, row))
    Listing.objects.bulk_create(listings, batch_size=_BATCH)
    ListingRevision.objects.bulk_create(revisions, batch_size=_BATCH)
    for listing, revision, label in zip(listings, revisions, labels, strict=True):
        is_down = label is not None and label.is_bad
        listing.status = ListingStatus.SUPPRESSED if is_down else ListingStatus.LIVE
        listing.live_revision = revision
    Listing.objects.bulk_update(listings, ["status", "live_revision"], batch_size=_BATCH)
    _create_labels(labels)


def _application(row: Row, merchant: Merchant, *, is_admitted: bool) -> MerchantApplication:
    application = MerchantApplication(
        id=new_id(),
        merchant=merchant,
        external_ref=row["application_ref"],
        status=ApplicationStatus.APPROVED if is_admitted else ApplicationStatus.REJECTED,
        submitted_at=row["submitted_at"],
        decided_at=row["submitted_at"] + timedelta(days=1),
        occurred_at=row["submitted_at"],
        known_at=row["submitted_at"],
        reason_codes=[] if is_admitted else ["policy_violation"],
    )
    # Cleaned as an applicant's answers are, or history would not match what comes in later.
    for column, value in clean_answers(answers_of(row), application).items():
        setattr(application, column, value)
    return application


def answers_of(row: Row) -> ApplicationFields:
    """Return what an applicant of the sample would have answered."""
    return ApplicationFields(
        company_name=row["company_name"],
        country=row["country"],
        entity_type=ENTITY_TYPES.get(row["entity_type"], EntityType.SOLE_TRADER),
        registration_number=row["registration_number"],
        bank_account=row["bank_account"],
        contact_email=row["contact_email"],
        contact_phone=row["contact_phone"],
        terms_version=TERMS_VERSION,
        device_ref=row["device_ref"],
        ip=row["ip"],
    )


def _revision(
    row: Row, listing: Listing, category: Category, rates: Mapping[str, Decimal]
) -> ListingRevision:
    rate = rates.get(row["currency"], Decimal(1))
    return ListingRevision(
        id=new_id(),
        listing=listing,
        number=1,
        status=RevisionStatus.APPROVED,
        category=category,
        title=row["title"],
        description=row["description"],
        price_minor=row["price_minor"],
        currency=row["currency"],
        base_price_minor=convert(row["price_minor"], row["currency"], settings.BASE_CURRENCY, rate),
        submitted_at=row["submitted_at"],
        decided_at=row["submitted_at"],
        occurred_at=row["submitted_at"],
        known_at=row["submitted_at"],
    )


def _label(subject: Subject, subject_id: int, merchant_id: int, row: Row) -> Label | None:
    """Return what the subject proved to be, or None if it is too young to tell."""
    known_at = row["submitted_at"] + MATURITY
    if known_at > timezone.now():
        return None
    return Label(
        subject_kind=subject,
        subject_id=subject_id,
        merchant_id=merchant_id,
        is_bad=row["is_bad"],
        source=LabelSource.IMPORTED,
        occurred_at=known_at,
        known_at=known_at,
    )


def _create_labels(labels: Iterable[Label | None]) -> None:
    Label.objects.bulk_create([label for label in labels if label is not None], batch_size=_BATCH)


def _day(moment: datetime) -> datetime:
    return moment.replace(hour=0, minute=0, second=0, microsecond=0)
