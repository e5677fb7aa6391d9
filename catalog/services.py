"""Writes on listings: the merchant's side, and the effects of decisions and verdicts on revisions."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from django.db import IntegrityError, transaction
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from core import audit, journal, outbox
from core.actors import SYSTEM, Actor
from core.errors import Conflict, FieldError, ValidationFailed
from core.models import Effect
from core.money import to_text
from core.outbox import TaskCall
from core.refs import Ref
from core.statements import About, Fact, give_reasons
from core.uploads import Upload
from merchants.models import Merchant, MerchantStatus

from . import images
from .checks import Severity
from .content import RevisionFields, clean_content, find_sku_problems, find_stock_problems
from .issues import describe
from .models import Listing, ListingRevision, ListingStatus
from .selectors import EDITABLE_STATUSES, find_latest_revision, find_open_revision
from .states import LISTING, REVISION
from .surroundings import find_issues


def create_listing(
    merchant: Merchant, fields: RevisionFields, *, sku: str, stock: int = 0, actor: Actor, at: datetime
) -> ListingRevision:
    """Write a new listing with its first draft; ValidationFailed names what cannot be accepted."""
    columns = clean_content(fields, at=at)
    errors = [*find_sku_problems(sku), *find_stock_problems(stock)]
    if errors:
        raise ValidationFailed(errors)
    with journal.unit():
        listing = _insert_listing(merchant, sku.strip(), stock)
        LISTING.enter(listing, actor=actor, state=listing.status)
        return _insert_revision(listing, columns, fields.image, number=1, actor=actor, at=at)


def save_revision(revision: ListingRevision, fields: RevisionFields, *, actor: Actor, at: datetime) -> None:
    """Replace the content of a draft, or of a revision that changes were requested for."""
    if revision.status not in EDITABLE_STATUSES:
        REVISION.find(revision.status, "submit")  # raises, and says what is possible
    columns = clean_content(fields, at=at)
    with journal.unit():
        if fields.image is not None:
            images.attach(revision, images.clean_upload(fields.image))
            columns |= {"image": revision.image.name, "image_sha256": revision.image_sha256}
        same = ListingRevision.objects.filter(pk=revision.pk, status=revision.status)
        if not same.update(**columns):
            raise Conflict("The listing has changed meanwhile.", code="stale_state")
        for name, value in columns.items():
            setattr(revision, name, value)
        audit.record("revision.saved", actor=actor, subject=Ref("revision", revision.pk))


def start_revision(
    listing: Listing, fields: RevisionFields, *, actor: Actor, at: datetime
) -> ListingRevision:
    """Write the next draft of a listing; what is live stays live. Conflict while another one is open."""
    if listing.status in {ListingStatus.ARCHIVED, ListingStatus.LOCKED}:
        raise Conflict("This listing can no longer be changed.", code="listing_closed")
    columns = clean_content(fields, at=at)
    with journal.unit():
        Listing.objects.select_for_update().get(pk=listing.pk)
        if find_open_revision(listing) is not None:
            raise Conflict("There is an open revision already.", code="revision_open")
        latest = find_latest_revision(listing)
        number = latest.number + 1 if latest else 1
        source = listing.live_revision or latest
        if fields.image is None and source is not None:
            # The file itself is shared: revisions never change a file, they only point at another.
            columns |= {"image": source.image.name, "image_sha256": source.image_sha256}
        return _insert_revision(listing, columns, fields.image, number=number, actor=actor, at=at)


def submit_revision(
    revision: ListingRevision, *, actor: Actor, at: datetime, send: Sequence[TaskCall] = ()
) -> None:
    """Hand a revision in. ValidationFailed points at what is required; other issues go to the judgement.

    send    tasks for after the commit
    """
    REVISION.find(revision.status, "submit")
    if revision.listing.merchant.status != MerchantStatus.ACTIVE:
        raise Conflict("Only an active merchant can list products.", code="merchant_not_active")
    issues = find_issues(revision, as_of=at)
    if blocking := [issue for issue in issues if issue.severity is Severity.ERROR]:
        raise ValidationFailed(
            [FieldError(f"/{issue.field}", issue.code, describe(issue.as_row())) for issue in blocking]
        )
    with journal.unit():
        REVISION.move(
            revision,
            "submit",
            actor=actor,
            issues=[issue.as_row() for issue in issues],
            reason_codes=[],
            request_statement_id=None,
            submitted_by_id=_user_id(actor),
            submitted_at=at,
            occurred_at=at,
            known_at=at,
        )
        _announce("listing.revision.submitted", revision, send=send)


def withdraw_revision(revision: ListingRevision, *, actor: Actor) -> None:
    """Take an open revision back; what is live stays live."""
    with journal.unit():
        REVISION.move(revision, "withdraw", actor=actor, request_statement_id=None)


def set_stock(listing: Listing, stock: int, *, actor: Actor) -> None:
    """Set the quantity on hand; no review, events for empty and for back in stock."""
    if errors := find_stock_problems(stock):
        raise ValidationFailed(errors)
    with journal.unit():
        before = Listing.objects.select_for_update().values_list("stock", flat=True).get(pk=listing.pk)
        if before == stock:
            return
        Listing.objects.filter(pk=listing.pk).update(stock=stock)
        listing.stock = stock
        detail = {"from": before, "to": stock}
        audit.record("listing.stock_set", actor=actor, subject=Ref("listing", listing.pk), detail=detail)
        _announce_listing("inventory.stock_changed", listing, detail)
        if stock == 0:
            _announce_listing("inventory.out_of_stock", listing)
        elif before == 0:
            _announce_listing("inventory.back_in_stock", listing)


def pause_listing(listing: Listing, *, actor: Actor) -> None:
    """Take a live listing off sale until it is resumed."""
    with journal.unit():
        LISTING.move(listing, "pause", actor=actor)
        _announce_listing("listing.paused", listing)


def resume_listing(listing: Listing, *, actor: Actor) -> None:
    """Put a paused listing back on sale."""
    with journal.unit():
        LISTING.move(listing, "resume", actor=actor)
        _announce_listing("listing.live", listing)


def archive_listing(listing: Listing, *, open_orders: int, actor: Actor) -> None:
    """End a listing for good, with its open revision; Conflict while orders for it are open.

    open_orders   counted by the caller: orders live above the catalog
    """
    if open_orders:
        raise Conflict(
            "There are open orders for this listing.", code="open_orders", extra={"orders": open_orders}
        )
    with journal.unit():
        revision = find_open_revision(listing)
        if revision is not None:
            REVISION.move(revision, "withdraw", actor=actor, request_statement_id=None)
        LISTING.move(listing, "archive", actor=actor)
        _announce_listing("listing.archived", listing)


def begin_screening(revision: ListingRevision, *, actor: Actor = SYSTEM) -> None:
    """Mark that the system is looking at a submitted revision."""
    with journal.unit():
        REVISION.move(revision, "screen", actor=actor)


def approve_revision(
    revision: ListingRevision, *, actor: Actor, at: datetime, reason_codes: Sequence[str] = ()
) -> None:
    """Make the revision the listing's content; a listing that never was, or was suppressed, goes live."""
    with journal.unit():
        _decide(revision, "approve", actor=actor, at=at, reason_codes=reason_codes)
        _announce("listing.revision.approved", revision)
        _put_up(revision)


def review_revision(
    revision: ListingRevision, *, actor: Actor = SYSTEM, at: datetime, reason_codes: Sequence[str]
) -> None:
    """Hand a screened revision to people; the decision comes later."""
    with journal.unit():
        _decide(revision, "review", actor=actor, at=None, reason_codes=reason_codes)


def request_changes(
    revision: ListingRevision,
    issues: Sequence[Mapping[str, str]] = (),
    *,
    actor: Actor,
    at: datetime,
    reason_codes: Sequence[str] = (),
    message: str = "",
) -> None:
    """Give the revision back to the merchant.

    issues         further ones, as rows {"code", "severity", "field", "detail"}, beside those of the checks
    reason_codes   by default those of the issues
    message        a reviewer's word to the merchant
    """
    codes = list(reason_codes) or list(dict.fromkeys(issue["code"] for issue in issues))
    rows = [*revision.issues, *(dict(issue) for issue in issues)]
    with journal.unit():
        statement = give_reasons(
            about(revision), Effect.CHANGES_REQUESTED, reason_codes=codes, actor=actor, at=at, message=message
        )
        _decide(
            revision,
            "request_changes",
            actor=actor,
            at=None,
            reason_codes=codes,
            issues=rows,
            request_statement_id=statement.pk,
        )
        _announce("listing.revision.changes_requested", revision)


def reject_revision(
    revision: ListingRevision,
    *,
    actor: Actor,
    at: datetime,
    reason_codes: Sequence[str],
    message: str = "",
) -> None:
    """Refuse the revision; the reasons are mandatory, what is live stays live."""
    with journal.unit():
        statement = give_reasons(
            about(revision), Effect.REJECTED, reason_codes=reason_codes, actor=actor, at=at, message=message
        )
        _decide(
            revision,
            "reject",
            actor=actor,
            at=at,
            reason_codes=reason_codes,
            rejection_statement_id=statement.pk,
        )
        _announce("listing.revision.rejected", revision)


def reinstate_revision(revision: ListingRevision, *, actor: Actor, at: datetime) -> None:
    """Undo a rejection that an appeal proved wrong; a newer version that was approved since stays up."""
    with journal.unit():
        _decide(revision, "reinstate", actor=actor, at=at, reason_codes=(), rejection_statement_id=None)
        _announce("listing.revision.approved", revision)
        live = revision.listing.live_revision
        if live is None or live.number < revision.number:
            _put_up(revision)


def about(revision: ListingRevision) -> About:
    """Return what a statement of reasons may tell the merchant of a revision."""
    price = f"{to_text(revision.price_minor, revision.currency)} {revision.currency}"
    return About(
        Ref("listing", revision.pk),
        revision.listing.merchant_id,
        title=revision.title,
        facts=(
            Fact(gettext_lazy("SKU"), revision.listing.sku),
            Fact(gettext_lazy("Version"), str(revision.number)),
            Fact(gettext_lazy("Title"), revision.title),
            Fact(gettext_lazy("Price"), price),
        ),
    )


def _put_up(revision: ListingRevision) -> None:
    """Make an approved revision the listing's content; what never was live, or was suppressed, goes live."""
    listing = revision.listing
    if listing.status in {ListingStatus.DRAFT, ListingStatus.SUPPRESSED}:
        LISTING.move(listing, "publish", actor=SYSTEM, live_revision=revision)
        _announce_listing("listing.live", listing)
    else:
        Listing.objects.filter(pk=listing.pk).update(live_revision=revision)
        listing.live_revision = revision


def _insert_listing(merchant: Merchant, sku: str, stock: int) -> Listing:
    try:
        # The savepoint keeps the caller's transaction usable when the SKU is taken.
        with transaction.atomic():
            return Listing.objects.create(merchant=merchant, sku=sku, stock=stock)
    except IntegrityError as error:
        detail = _("You have another listing with this SKU.")
        raise ValidationFailed([FieldError("/sku", "duplicate_sku", detail)]) from error


def _insert_revision(
    listing: Listing,
    columns: Mapping[str, Any],
    image: Upload | None,
    *,
    number: int,
    actor: Actor,
    at: datetime,
) -> ListingRevision:
    revision = ListingRevision(listing=listing, number=number, occurred_at=at, known_at=at, **columns)
    if image is not None:
        images.attach(revision, images.clean_upload(image))
    revision.save(force_insert=True)
    REVISION.enter(revision, actor=actor, state=revision.status)
    return revision


def _decide(
    revision: ListingRevision,
    action: str,
    *,
    actor: Actor,
    at: datetime | None,
    reason_codes: Sequence[str],
    **changes: Any,
) -> None:
    """Move with reasons; `at` None means that it is not decided for good."""
    REVISION.move(
        revision,
        action,
        actor=actor,
        reason_code=reason_codes[0] if reason_codes else "",
        decided_at=at,
        reason_codes=list(reason_codes),
        **changes,
    )


def _user_id(actor: Actor) -> int | None:
    return int(actor.id) if actor.kind == "user" else None


def _announce(event: str, revision: ListingRevision, *, send: Sequence[TaskCall] = ()) -> None:
    """News of a revision goes out under its listing: that is the object that partners know."""
    outbox.record(
        event,
        subject=Ref("listing", revision.listing_id),
        merchant_id=revision.listing.merchant_id,
        payload={
            "revision": revision.pk,
            "number": revision.number,
            "status": revision.status,
            "reason_codes": revision.reason_codes,
        },
        send=send,
    )


def _announce_listing(event: str, listing: Listing, payload: Mapping[str, Any] | None = None) -> None:
    outbox.record(
        event,
        subject=Ref("listing", listing.pk),
        merchant_id=listing.merchant_id,
        payload={"sku": listing.sku, "status": listing.status, "stock": listing.stock, **(payload or {})},
    )
