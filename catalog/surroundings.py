"""Read what listing contents are compared with; one code path for one revision and for a training set."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import datetime

from django.db.models import Q

from .checks import Content, Issue, Surroundings, check
from .duplicates import CANDIDATES, Nearest, Title, find_nearest
from .models import BannedTerm, Category, ListingRevision

_CHUNK = (
    500  # values in one IN list; SQLite allows 32,766 parameters in a statement, but plans long lists badly
)


def find_issues(revision: ListingRevision, *, as_of: datetime) -> list[Issue]:
    """Return every issue of a revision's content as of a moment; about five queries."""
    (surroundings,) = read_surroundings([revision], [as_of])
    return check(content_of(revision), surroundings)


def content_of(revision: ListingRevision) -> Content:
    return Content(
        title=revision.title,
        description=revision.description,
        base_price_minor=revision.base_price_minor,
        has_image=bool(revision.image),
    )


def read_surroundings(revisions: Sequence[ListingRevision], as_of: Sequence[datetime]) -> list[Surroundings]:
    """Return each revision's surroundings as of its moment; revisions come with `listing` selected.

    Five queries and one more per further category, however many revisions there are.
    """
    categories = Category.objects.in_bulk({revision.category_id for revision in revisions})
    terms = _banned_terms(categories.values())
    nearest = _nearest(revisions, as_of)
    elsewhere = _images_elsewhere(revisions, as_of)
    return [
        Surroundings(
            banned_terms=terms[revision.category_id],
            median_price_minor=categories[revision.category_id].median_price_minor,
            similarity=near.similarity if near else None,
            nearest_title=near.title.title if near else "",
            image_elsewhere=count,
        )
        for revision, near, count in zip(revisions, nearest, elsewhere, strict=True)
    ]


def microseconds(moment: datetime) -> int:
    return round(moment.timestamp() * 1_000_000)


def _banned_terms(categories: Iterable[Category]) -> dict[int, list[str]]:
    """Return per category its own terms, its parent's and everybody's."""
    asked = {one.pk: {one.pk, one.parent_id} - {None} for one in categories}
    wanted = set().union(*asked.values()) if asked else set()
    rows = BannedTerm.objects.filter(Q(category=None) | Q(category__in=wanted), is_active=True)
    by_category: dict[int | None, list[str]] = defaultdict(list)
    for category_id, term in rows.order_by("term").values_list("category_id", "term"):
        by_category[category_id].append(term)
    return {
        pk: list(dict.fromkeys(term for source in (None, *sorted(sources)) for term in by_category[source]))
        for pk, sources in asked.items()
    }


def _nearest(revisions: Sequence[ListingRevision], as_of: Sequence[datetime]) -> list[Nearest | None]:
    positions: dict[int, list[int]] = defaultdict(list)
    for position, revision in enumerate(revisions):
        positions[revision.category_id].append(position)
    found: list[Nearest | None] = [None] * len(revisions)
    for category_id, members in positions.items():
        queries = [(_title_of(revisions[at]), microseconds(as_of[at])) for at in members]
        earlier = _titles(
            category_id,
            before=max(as_of[at] for at in members),
            limit=CANDIDATES if len(members) == 1 else None,
        )
        for at, near in zip(members, find_nearest(queries, earlier), strict=True):
            found[at] = near
    return found


def _titles(category_id: int, *, before: datetime, limit: int | None) -> list[Title]:
    """Return the category's submitted titles, newest first; drafts are nobody's business."""
    rows = (
        ListingRevision.objects.filter(
            category_id=category_id, known_at__lt=before, submitted_at__isnull=False
        )
        .order_by("-known_at", "-id")
        .values_list("id", "listing_id", "listing__merchant_id", "title", "known_at")
    )
    return [
        Title(id, listing_id, merchant_id, title, microseconds(known_at))
        for id, listing_id, merchant_id, title, known_at in rows[:limit]
    ]


def _title_of(revision: ListingRevision) -> Title:
    return Title(revision.pk, revision.listing_id, revision.listing.merchant_id, revision.title, 0)


def _images_elsewhere(revisions: Sequence[ListingRevision], as_of: Sequence[datetime]) -> list[int]:
    """Count for each revision the other merchants that submitted the same image before."""
    images = sorted({revision.image_sha256 for revision in revisions} - {""})
    uses: dict[str, list[tuple[datetime, int]]] = defaultdict(list)
    for start in range(0, len(images), _CHUNK):
        rows = ListingRevision.objects.filter(
            image_sha256__in=images[start : start + _CHUNK], submitted_at__isnull=False
        ).exclude(image_sha256="")
        for image, merchant_id, known_at in rows.values_list(
            "image_sha256", "listing__merchant_id", "known_at"
        ):
            uses[image].append((known_at, merchant_id))
    return [
        len(
            {
                merchant_id
                for known_at, merchant_id in uses.get(revision.image_sha256, ())
                if known_at < moment and merchant_id != revision.listing.merchant_id
            }
        )
        for revision, moment in zip(revisions, as_of, strict=True)
    ]
