"""Facts of listing revisions: their content beside the catalog's, and their merchant's history."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.conf import settings

from catalog.checks import NEAR_DUPLICATE, Issue, Surroundings, check, price_ratio
from catalog.models import ListingRevision, RevisionStatus
from catalog.surroundings import content_of, read_surroundings
from core.money import exponent
from core.refs import Ref
from risk.models import Label, Subject
from risk.schemas.listings import INPUTS

from . import Facts
from .inputs import NAN, Vectors, flag, hash_of, stack

INPUT_NAMES = tuple(field.name for field in INPUTS)
FEATURE_HASH = hash_of(INPUTS, version=1)
_DAY = timedelta(days=1)
_CHUNK = 500  # merchants whose history is read at once


def gather(revision: ListingRevision, *, as_of: datetime) -> Facts:
    """Return the facts of a revision; about eight queries."""
    (facts,) = gather_many([revision], [as_of])
    return facts


def gather_many(revisions: Sequence[ListingRevision], as_of: Sequence[datetime]) -> list[Facts]:
    """Return the facts of revisions, each as of its moment; about eight queries for all of them.

    They come with `listing__merchant` and `category` selected, or each costs three queries more.
    """
    rows, surroundings = _read(revisions, as_of)
    found = zip(revisions, as_of, rows, surroundings, strict=True)
    return [_facts(revision, moment, row, around) for revision, moment, row, around in found]


def _facts(
    revision: ListingRevision, as_of: datetime, row: dict[str, float], surroundings: Surroundings
) -> Facts:
    direct = _direct(revision, surroundings)
    return Facts(
        subject=Ref("listing", revision.pk),
        merchant_id=revision.listing.merchant_id,
        as_of=as_of,
        values={**row, **direct},
        direct=direct,
        vector=stack([row], INPUTS)[0],
        feature_hash=FEATURE_HASH,
        keys={"merchant": revision.listing.merchant_id},
    )


def read_inputs(revisions: Sequence[ListingRevision], as_of: Sequence[datetime]) -> Vectors:
    """Return (n, n_inputs) as `gather` would for each revision and its moment.

    Revisions come with `listing__merchant` selected, or each costs two queries more.
    """
    rows, _ = _read(revisions, as_of)
    return stack(rows, INPUTS)


def _read(
    revisions: Sequence[ListingRevision], as_of: Sequence[datetime]
) -> tuple[list[dict[str, float]], list[Surroundings]]:
    surroundings = read_surroundings(revisions, as_of)
    histories = _read_histories({revision.listing.merchant_id for revision in revisions})
    rows = [
        {
            **_content(revision, around),
            **histories[revision.listing.merchant_id].before(revision, moment),
        }
        for revision, around, moment in zip(revisions, surroundings, as_of, strict=True)
    ]
    return rows, surroundings


def _content(revision: ListingRevision, surroundings: Surroundings) -> dict[str, float]:
    content = content_of(revision)
    issues = check(content, surroundings)
    ratio = price_ratio(content.base_price_minor, surroundings.median_price_minor)
    similarity = surroundings.similarity
    return {
        "required_missing_count": _count(issues, "required_field_missing"),
        "banned_term_count": _count(issues, "banned_term"),
        "price_to_median": NAN if ratio is None else ratio,
        "price_is_outlier": flag(any(issue.code == "price_outlier" for issue in issues)),
        "title_similarity": NAN if similarity is None else similarity,
        "is_near_duplicate": flag(similarity is not None and similarity >= NEAR_DUPLICATE),
        "has_image": flag(content.has_image),
        "image_reuse_count": float(surroundings.image_elsewhere),
        "title_length": float(len(content.title)),
        "description_length": float(len(content.description)),
        "revision_number": float(revision.number),
    }


def _direct(revision: ListingRevision, surroundings: Surroundings) -> dict[str, object]:
    """Return what only rules read; fit for JSON."""
    merchant = revision.listing.merchant
    terms = [i.detail for i in check(content_of(revision), surroundings) if i.code == "banned_term"]
    return {
        "listing.price": revision.base_price_minor / 10 ** exponent(settings.BASE_CURRENCY),
        "listing.currency": revision.currency,
        "listing.category": revision.category.code,
        "listing.is_new": revision.listing.live_revision_id is None,
        "listing.has_image": bool(revision.image),
        "listing.banned_term": terms[0] if terms else None,
        "listing.merchant_country": merchant.country or None,
        "listing.merchant_trust_tier": merchant.trust_tier,
    }


# ── The merchant's history ───────────────────────────────────────────────────────────────────────
@dataclass(frozen=True)
class _Past:
    """One submitted revision of the merchant, and when it proved bad (None = never)."""

    id: int
    listing_id: int
    status: str
    known_at: datetime
    decided_at: datetime | None
    base_price_minor: int
    bad_at: datetime | None


@dataclass(frozen=True)
class _History:
    past: Sequence[_Past]

    def before(self, revision: ListingRevision, as_of: datetime) -> dict[str, float]:
        """Return what was known of the merchant before the moment; this revision never counts itself."""
        others = [one for one in self.past if one.id != revision.pk]
        decided = [one for one in others if one.decided_at is not None and one.decided_at < as_of]
        submitted = [one for one in others if as_of - _DAY <= one.known_at < as_of]
        joined_at = revision.listing.merchant.joined_at
        return {
            "price_to_live": _price_to_live(revision, decided),
            "merchant_age_days": max((as_of - joined_at) / _DAY, 0.0),
            "merchant_approved_count": _count_in(decided, RevisionStatus.APPROVED),
            "merchant_rejected_count": _count_in(decided, RevisionStatus.REJECTED),
            "merchant_bad_count": float(sum(one.bad_at is not None and one.bad_at < as_of for one in others)),
            "merchant_submitted_24h_count": float(len(submitted)),
        }


def _price_to_live(revision: ListingRevision, decided: Sequence[_Past]) -> float:
    """Return the price against that of the version approved last; NaN for a listing that never was live."""
    approved = [
        one
        for one in decided
        if one.listing_id == revision.listing_id and one.status == RevisionStatus.APPROVED
    ]
    if not approved:
        return NAN
    live = max(approved, key=lambda one: (one.decided_at, one.id))
    return revision.base_price_minor / live.base_price_minor if live.base_price_minor else NAN


def _read_histories(merchant_ids: set[int]) -> dict[int, _History]:
    """Return each merchant's submitted revisions; two queries per 500 merchants."""
    past: dict[int, list[_Past]] = defaultdict(list)
    ordered = sorted(merchant_ids)
    for start in range(0, len(ordered), _CHUNK):
        chunk = ordered[start : start + _CHUNK]
        bad_at = _read_bad(chunk)
        rows = ListingRevision.objects.filter(listing__merchant__in=chunk, submitted_at__isnull=False)
        for merchant_id, id, listing_id, status, known_at, decided_at, price in rows.values_list(
            "listing__merchant_id", "id", "listing_id", "status", "known_at", "decided_at", "base_price_minor"
        ):
            one = _Past(id, listing_id, status, known_at, decided_at, price, bad_at.get(id))
            past[merchant_id].append(one)
    return {merchant_id: _History(past[merchant_id]) for merchant_id in ordered}


def _read_bad(merchant_ids: Sequence[int]) -> dict[int, datetime]:
    labels = Label.objects.standing().filter(
        merchant_id__in=merchant_ids, subject_kind=Subject.LISTING, is_bad=True
    )
    bad_at: dict[int, datetime] = {}
    for id, known_at in labels.values_list("subject_id", "known_at"):
        bad_at[id] = min(bad_at.get(id, known_at), known_at)
    return bad_at


def _count(issues: Sequence[Issue], code: str) -> float:
    return float(sum(issue.code == code for issue in issues))


def _count_in(past: Sequence[_Past], status: RevisionStatus) -> float:
    return float(sum(one.status == status for one in past))
