"""Listings: drafted, handed in, decided; what is live stays live until a better version is approved."""

import pytest

from catalog import services
from catalog.content import RevisionFields
from catalog.models import BannedTerm, ListingRevision
from catalog.prices import MIN_LISTINGS, refresh_medians
from core.actors import SYSTEM
from core.errors import Conflict, InvalidTransition, ValidationFailed
from core.models import AuditEntry, OutboxEvent
from merchants.models import MerchantStatus
from tests.make import NOON, make_category, make_image, make_listing, make_merchant, make_revision

pytestmark = pytest.mark.django_db


def fields(**changes: object) -> RevisionFields:
    make_category()
    values = {
        "category_code": "tea",
        "title": "Green Tea",
        "description": "Fresh leaves.",
        "price_minor": 5_000,
        "currency": "CNY",
    }
    return RevisionFields(**{**values, **changes})  # type: ignore[arg-type]


def screened(**values: object) -> ListingRevision:
    revision = make_revision(submitted=True, **values)  # type: ignore[arg-type]
    services.begin_screening(revision)
    return revision


def pointers(error: pytest.ExceptionInfo[ValidationFailed]) -> set[str]:
    return {one.pointer for one in error.value.errors}


def test_create_makes_a_draft_that_is_not_live() -> None:
    revision = make_revision(sku="TEA-1")
    assert (revision.status, revision.listing.status, revision.listing.live_revision_id) == (
        "draft",
        "draft",
        None,
    )


def test_sku_is_unique_for_the_merchant_only() -> None:
    first = make_revision(sku="TEA-1")
    with pytest.raises(ValidationFailed) as error:
        make_revision(first.listing.merchant, sku="TEA-1")
    assert pointers(error) == {"/sku"}
    assert make_revision(sku="TEA-1").listing.sku == "TEA-1"


def test_impossible_fields_are_named_together() -> None:
    wrong = fields(category_code="nowhere", title="x" * 201, price_minor=-1)
    with pytest.raises(ValidationFailed) as error:
        services.create_listing(make_merchant(), wrong, sku="A", actor=SYSTEM, at=NOON)
    assert pointers(error) == {"/category", "/title", "/price"}


@pytest.mark.parametrize(("sku", "stock"), [("", 1), ("a/b", 1), ("A", -1), ("A", 10**9)])
def test_sku_and_stock_have_limits(sku: str, stock: int) -> None:
    with pytest.raises(ValidationFailed):
        services.create_listing(make_merchant(), fields(), sku=sku, stock=stock, actor=SYSTEM, at=NOON)


def test_unknown_currency_and_missing_rate_are_refused() -> None:
    for currency in ("XXX", "EUR"):
        with pytest.raises(Exception) as error:  # noqa: PT011 (two domain errors)
            services.create_listing(
                make_merchant(), fields(currency=currency), sku="A", actor=SYSTEM, at=NOON
            )
        assert getattr(error.value, "http_status", None) == 422


def test_submit_points_at_required_fields_and_keeps_the_draft() -> None:
    revision = make_revision(title="", description="", price_minor=0)
    with pytest.raises(ValidationFailed) as error:
        services.submit_revision(revision, actor=SYSTEM, at=NOON)
    assert pointers(error) == {"/title", "/description", "/price"}
    assert ListingRevision.objects.get(pk=revision.pk).status == "draft"


def test_submit_keeps_the_issues_found() -> None:
    category = make_category()
    BannedTerm.objects.create(term="野味", category=category)
    revision = make_revision(title="野味 tea", price_minor=100, submitted=True)
    revision.refresh_from_db()
    found = {(issue["code"], issue["severity"], issue["detail"]) for issue in revision.issues}
    assert {("banned_term", "warning", "野味"), ("price_outlier", "warning", "0.0102")} <= found


def test_terms_of_parent_and_of_all_categories_count_but_not_of_others() -> None:
    parent, other = make_category("food"), make_category("toys")
    make_category("tea", parent=parent)
    for term, category in (("alpha", parent), ("beta", None), ("gamma", other)):
        BannedTerm.objects.create(term=term, category=category)
    BannedTerm.objects.create(term="delta", category=None, is_active=False)
    revision = make_revision(title="alpha beta gamma delta", submitted=True)
    assert [i["detail"] for i in revision.issues if i["code"] == "banned_term"] == ["beta", "alpha"]


def test_only_an_active_merchant_submits() -> None:
    revision = make_revision(make_merchant(status=MerchantStatus.ONBOARDING))
    with pytest.raises(Conflict) as error:
        services.submit_revision(revision, actor=SYSTEM, at=NOON)
    assert error.value.code == "merchant_not_active"


def test_submitting_twice_is_refused() -> None:
    revision = make_revision(submitted=True)
    with pytest.raises(InvalidTransition):
        services.submit_revision(revision, actor=SYSTEM, at=NOON)


def test_submitted_revision_cannot_be_edited() -> None:
    revision = make_revision(submitted=True)
    with pytest.raises(InvalidTransition):
        services.save_revision(revision, fields(), actor=SYSTEM, at=NOON)


def test_approval_puts_the_listing_on_sale() -> None:
    revision = screened()
    services.approve_revision(revision, actor=SYSTEM, at=NOON)
    listing = revision.listing
    listing.refresh_from_db()
    assert (listing.status, listing.live_revision_id) == ("live", revision.pk)
    events = OutboxEvent.objects.filter(subject_id=listing.pk).values_list("type", flat=True)
    assert {"listing.revision.submitted", "listing.revision.approved", "listing.live"} == set(events)


def test_edit_of_a_live_listing_leaves_the_old_version_up() -> None:
    listing = make_listing()
    old = listing.live_revision
    draft = services.start_revision(listing, fields(title="Green Tea, new harvest"), actor=SYSTEM, at=NOON)
    services.submit_revision(draft, actor=SYSTEM, at=NOON)
    listing.refresh_from_db()
    assert (listing.status, listing.live_revision, draft.number) == ("live", old, 2)
    services.begin_screening(draft)
    services.approve_revision(draft, actor=SYSTEM, at=NOON)
    listing.refresh_from_db()
    assert listing.live_revision == draft


def test_new_version_keeps_the_image_unless_another_is_given() -> None:
    listing = make_listing(image=make_image("teal"))
    assert listing.live_revision is not None
    kept = services.start_revision(listing, fields(), actor=SYSTEM, at=NOON)
    assert kept.image_sha256 == listing.live_revision.image_sha256 != ""
    services.save_revision(kept, fields(image=make_image("red")), actor=SYSTEM, at=NOON)
    stored = ListingRevision.objects.get(pk=kept.pk)
    assert stored.image_sha256 != listing.live_revision.image_sha256
    assert listing.live_revision.image.read()


def test_one_open_revision_at_a_time() -> None:
    listing = make_listing()
    services.start_revision(listing, fields(), actor=SYSTEM, at=NOON)
    with pytest.raises(Conflict) as error:
        services.start_revision(listing, fields(), actor=SYSTEM, at=NOON)
    assert error.value.code == "revision_open"


def test_rejection_needs_a_reason_and_leaves_the_live_version() -> None:
    listing = make_listing()
    draft = services.start_revision(listing, fields(), actor=SYSTEM, at=NOON)
    services.submit_revision(draft, actor=SYSTEM, at=NOON)
    services.begin_screening(draft)
    with pytest.raises(ValidationFailed):
        services.reject_revision(draft, actor=SYSTEM, at=NOON, reason_codes=[])
    services.reject_revision(draft, actor=SYSTEM, at=NOON, reason_codes=["prohibited_goods"])
    listing.refresh_from_db()
    assert (listing.status, draft.status) == ("live", "rejected")


def test_changes_are_requested_edited_and_handed_in_again() -> None:
    revision = screened()
    issue = {"code": "image_missing", "severity": "error", "field": "image", "detail": "Please show the tin."}
    services.request_changes(revision, [issue], actor=SYSTEM, at=NOON)
    assert (revision.status, revision.reason_codes) == ("changes_requested", ["image_missing"])
    services.save_revision(revision, fields(image=make_image()), actor=SYSTEM, at=NOON)
    services.submit_revision(revision, actor=SYSTEM, at=NOON)
    assert (revision.status, revision.reason_codes) == ("submitted", [])
    assert issue not in revision.issues


def test_pause_and_resume_and_archive() -> None:
    listing = make_listing()
    services.pause_listing(listing, actor=SYSTEM)
    with pytest.raises(InvalidTransition):
        services.pause_listing(listing, actor=SYSTEM)
    services.resume_listing(listing, actor=SYSTEM)
    draft = services.start_revision(listing, fields(), actor=SYSTEM, at=NOON)
    with pytest.raises(Conflict):
        services.archive_listing(listing, open_orders=1, actor=SYSTEM)
    services.archive_listing(listing, open_orders=0, actor=SYSTEM)
    draft.refresh_from_db()
    assert (listing.status, draft.status) == ("archived", "withdrawn")
    with pytest.raises(Conflict):
        services.start_revision(listing, fields(), actor=SYSTEM, at=NOON)


def test_stock_is_audited_and_announced() -> None:
    listing = make_listing()
    for stock in (0, 0, 7):
        services.set_stock(listing, stock, actor=SYSTEM)
    types = list(
        OutboxEvent.objects.filter(type__startswith="inventory").order_by("id").values_list("type", flat=True)
    )
    changed = "inventory.stock_changed"
    assert types == [changed, "inventory.out_of_stock", changed, "inventory.back_in_stock"]
    assert AuditEntry.objects.filter(action="listing.stock_set").count() == 2
    with pytest.raises(ValidationFailed):
        services.set_stock(listing, -1, actor=SYSTEM)


def test_median_needs_enough_live_listings() -> None:
    category = make_category(median=None)
    merchant = make_merchant()
    for price in range(1, MIN_LISTINGS):
        make_listing(merchant, price_minor=price * 100)
    assert refresh_medians() == 0
    make_listing(merchant, price_minor=MIN_LISTINGS * 100)
    assert (refresh_medians(), refresh_medians()) == (1, 0)
    category.refresh_from_db()
    assert category.median_price_minor == 1_050
