"""Evidence on a listing revision: what is new against what is live, and what the checks found."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from django.conf import settings
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from catalog.issues import Described, describe_all
from catalog.models import ListingRevision
from core.errors import NotFound
from core.money import Money


@dataclass(frozen=True)
class ListingEvidence:
    """Everything the evidence pane shows of a revision. `live` None = the listing was never live."""

    revision: ListingRevision
    live: ListingRevision | None
    changes: Sequence[tuple[str | Promise, object, object]]
    issues: Sequence[Described]
    earlier: Sequence[ListingRevision]

    @property
    def price_to_usual(self) -> float | None:
        """The price as a multiple of the category's median, None if that is not known."""
        median = self.revision.category.median_price_minor
        return self.revision.base_price_minor / median if median else None

    @property
    def is_picture_new(self) -> bool:
        """Tell whether the revision brings another picture than the live version has, or the first one."""
        return self.live is not None and self.live.image_sha256 != self.revision.image_sha256

    @property
    def base_currency(self) -> str:
        return settings.BASE_CURRENCY


def gather(revision_id: int) -> ListingEvidence:
    """Return the evidence on a revision; two queries."""
    revision = (
        ListingRevision.objects.select_related(
            "listing__merchant", "listing__live_revision__category", "category", "submitted_by"
        )
        .filter(pk=revision_id)
        .first()
    )
    if revision is None:
        raise NotFound("No such listing revision.")
    live = revision.listing.live_revision
    live = None if live is None or live.pk == revision.pk else live
    earlier = revision.listing.revisions.exclude(pk=revision.pk).order_by("-number")[:5]
    return ListingEvidence(
        revision, live, changes_between(live, revision), describe_all(revision.issues), list(earlier)
    )


def changes_between(
    live: ListingRevision | None, new: ListingRevision
) -> list[tuple[str | Promise, object, object]]:
    """Return what a revision says beside what was live, field by field."""
    old = _shown(live) if live is not None else dict.fromkeys(_shown(new))
    return [(_LABELS[name], old[name], value) for name, value in _shown(new).items()]


_LABELS: Mapping[str, Promise] = {
    "title": _("Title"),
    "category": _("Category"),
    "price": _("Price"),
    "description": _("Description"),
}


def _shown(revision: ListingRevision) -> dict[str, str]:
    return {
        "title": revision.title,
        "category": revision.category.name,
        "price": str(Money(revision.price_minor, revision.currency)),
        "description": revision.description,
    }
