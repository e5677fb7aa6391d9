"""Listing facts: content beside the catalog's, the merchant's history before the moment, one equals many."""

import math
from datetime import timedelta
from typing import Any

import numpy as np
import pytest

from catalog import services
from catalog.content import RevisionFields
from catalog.models import BannedTerm, ListingRevision
from core.actors import SYSTEM
from core.refs import Ref
from risk.facts import listings
from risk.models import LabelSource
from risk.schemas.listings import SCHEMA
from risk.services import record_label
from tests.make import NOON, make_category, make_image, make_listing, make_merchant, make_revision

pytestmark = pytest.mark.django_db
DAY = timedelta(days=1)


def values(revision: ListingRevision) -> dict[str, Any]:
    return dict(listings.gather(revision, as_of=revision.known_at).values)


def test_every_declared_field_has_a_value_and_nothing_else_does() -> None:
    facts = listings.gather(make_revision(submitted=True), as_of=NOON)
    assert set(facts.values) == {field.name for field in SCHEMA.fields}
    assert facts.vector.shape == (len(listings.INPUT_NAMES),)


def test_content_is_measured() -> None:
    BannedTerm.objects.create(term="野味", category=make_category())
    seen = values(make_revision(title="野味 tea", price_minor=980_000, submitted=True))
    assert (seen["banned_term_count"], seen["listing.banned_term"]) == (1, "野味")
    assert (seen["price_to_median"], seen["price_is_outlier"], seen["has_image"]) == (100, 1, 0)
    assert math.isnan(seen["title_similarity"])


def test_copies_are_seen_by_title_and_by_image() -> None:
    make_revision(
        title="Oolong from the high mountain", image=make_image("teal"), at=NOON - DAY, submitted=True
    )
    copy = make_revision(title="Oolong from the High Mountain!", image=make_image("teal"), submitted=True)
    seen = values(copy)
    assert (seen["is_near_duplicate"], seen["image_reuse_count"]) == (1, 1)


def test_drafts_and_later_listings_are_not_seen() -> None:
    make_revision(title="Oolong from the high mountain", at=NOON - DAY)
    make_revision(title="Oolong from the high mountain", at=NOON + DAY, submitted=True)
    seen = values(make_revision(title="Oolong from the high mountain", submitted=True))
    assert math.isnan(seen["title_similarity"])


def test_history_counts_what_was_decided_before() -> None:
    merchant = make_merchant(joined_at=NOON - 10 * DAY)
    make_listing(merchant, at=NOON - DAY)
    refused = make_revision(merchant, at=NOON - DAY, submitted=True)
    services.begin_screening(refused)
    services.reject_revision(refused, actor=SYSTEM, at=NOON + DAY, reason_codes=["banned_term"])
    record_label(
        Ref("listing", refused.pk),
        is_bad=True,
        source=LabelSource.VERDICT,
        occurred_at=NOON - DAY,
        known_at=NOON - timedelta(hours=1),
        merchant_id=merchant.pk,
    )
    seen = values(make_revision(merchant, submitted=True))
    assert (seen["merchant_approved_count"], seen["merchant_rejected_count"], seen["merchant_bad_count"]) == (
        1,
        0,
        1,
    )
    assert (seen["merchant_age_days"], seen["merchant_submitted_24h_count"]) == (10, 2)


def test_price_is_compared_with_the_version_before() -> None:
    listing = make_listing(at=NOON - DAY, price_minor=10_000)
    changed = RevisionFields("tea", "Another tea", "Picked by hand.", 30_000, "CNY")
    revision = services.start_revision(listing, changed, actor=SYSTEM, at=NOON)
    services.submit_revision(revision, actor=SYSTEM, at=NOON)
    seen = values(revision)
    assert (seen["price_to_live"], seen["listing.is_new"]) == (3, False)


def test_many_at_once_equal_one_by_one() -> None:
    merchants = [make_merchant() for _ in range(3)]
    make_category("mugs")
    made = [
        make_revision(
            merchants[n % 3],
            title=f"Tea pot {'deluxe ' * (n % 2)}{n}",
            category_code=("tea", "mugs")[n % 2],
            at=NOON + n * timedelta(hours=5),
            submitted=True,
        )
        for n in range(12)
    ]
    for revision in made[:3]:
        services.begin_screening(revision)
        services.approve_revision(revision, actor=SYSTEM, at=revision.known_at + timedelta(hours=1))
    moments = [one.known_at for one in made]
    singly = [listings.gather(one, as_of=at).vector for one, at in zip(made, moments, strict=True)]
    np.testing.assert_array_equal(listings.read_inputs(made, moments), np.array(singly))


def test_queries_do_not_grow_with_the_number(django_assert_max_num_queries: Any) -> None:
    for _ in range(6):
        make_revision(submitted=True)
    fresh = list(ListingRevision.objects.select_related("listing__merchant", "category"))
    with django_assert_max_num_queries(6):
        listings.read_inputs(fresh, [one.known_at for one in fresh])
    with django_assert_max_num_queries(7):
        listings.gather(fresh[0], as_of=NOON)
