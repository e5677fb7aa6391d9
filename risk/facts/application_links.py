"""Applications that share a bank account, device, phone or registration number, one and two steps away.

"Other" is another merchant's submitted application: a merchant that applies again is no neighbour of itself.
One counts for a moment `as_of` if it was known before it, and is bad if that was known before it. One step
leads over the application's own details, a second one over the details of its neighbours to theirs. The
counts per detail take in everything that shares it; the two steps keep the newest by (known_at, id), so that
an agency's device cannot make them endless.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import islice

from django.db.models import Q

from merchants.models import ApplicationStatus, MerchantApplication
from risk.models import Label, Subject

from .inputs import NAN

# Input stem → the column whose equal values mean a shared detail.
KEYS: Mapping[str, str] = {
    "bank_account": "bank_account_key",
    "device": "device_key",
    "phone": "contact_phone_key",
    "registration": "registration_key",
}
DETAIL_APPLICATIONS = 50  # newest others with one detail that a step reaches
STEP_APPLICATIONS = 100  # others that one step keeps: beyond this a ring is a ring
FOLLOWED_APPLICATIONS = 20  # of the first step's, those whose own details the second step follows

Detail = tuple[str, int]  # stem, key
_Span = tuple[datetime, datetime | None]  # since when, and when that was corrected; None = it stands


@dataclass(frozen=True)
class Neighbour:
    """A submitted application: when it became known, and the times in which it was known to be bad."""

    id: int
    merchant_id: int
    known_at: datetime
    bad: tuple[_Span, ...]
    details: tuple[Detail, ...]

    def is_bad(self, as_of: datetime) -> bool:
        return any(since < as_of and (until is None or as_of <= until) for since, until in self.bad)


@dataclass(frozen=True)
class Neighbours:
    """Submitted applications by each of their details, newest first."""

    by_detail: Mapping[Detail, Sequence[Neighbour]]

    def counts_of(self, application: MerchantApplication, as_of: datetime) -> dict[str, float]:
        """Return how many others share each detail, and how many of them are bad; NaN without the detail."""
        counts: dict[str, float] = {}
        own = dict(details_of(application))
        for stem in KEYS:
            if stem not in own:
                counts |= {f"{stem}_others_count": NAN, f"{stem}_bad_count": NAN}
                continue
            others = list(self._others((stem, own[stem]), application.merchant_id, as_of))
            counts[f"{stem}_others_count"] = float(len(others))
            counts[f"{stem}_bad_count"] = float(sum(one.is_bad(as_of) for one in others))
        counts["shared_kinds_count"] = float(sum(counts[f"{stem}_others_count"] > 0 for stem in KEYS))
        return counts

    def links_of(self, application: MerchantApplication, as_of: datetime) -> dict[str, float]:
        """Return the size of what hangs together within two steps, itself included, and its bad ones."""
        near = self.near(application, as_of)
        reached = [*near, *self.far(application, as_of, near)]
        return {
            "linked_component_size": float(1 + len(reached)),
            "linked_bad_within_two_count": float(sum(one.is_bad(as_of) for one in reached)),
        }

    def near(self, application: MerchantApplication, as_of: datetime) -> list[Neighbour]:
        """Return the others one step away, newest first."""
        return self._step(details_of(application), application.merchant_id, as_of, set())

    def far(
        self, application: MerchantApplication, as_of: datetime, near: Sequence[Neighbour]
    ) -> list[Neighbour]:
        """Return the others two steps away that are not one step away, newest first."""
        known = {one.id for one in near}
        return self._step(_details_to_follow(application, near), application.merchant_id, as_of, known)

    def _step(
        self, details: Iterable[Detail], merchant_id: int, as_of: datetime, known: set[int]
    ) -> list[Neighbour]:
        found = {
            one.id: one
            for detail in details
            for one in islice(self._others(detail, merchant_id, as_of), DETAIL_APPLICATIONS)
            if one.id not in known
        }
        return sorted(found.values(), key=_recency, reverse=True)[:STEP_APPLICATIONS]

    def _others(self, detail: Detail, merchant_id: int, as_of: datetime) -> Iterator[Neighbour]:
        return (
            one
            for one in self.by_detail.get(detail, ())
            if one.merchant_id != merchant_id and one.known_at < as_of
        )


def read_neighbours(applications: Sequence[MerchantApplication], moments: Sequence[datetime]) -> Neighbours:
    """Return what `Neighbours` needs to answer for these applications and moments; four queries."""
    near = Neighbours(_read({detail for one in applications for detail in details_of(one)}))
    followed = {
        detail
        for one, as_of in zip(applications, moments, strict=True)
        for detail in _details_to_follow(one, near.near(one, as_of))
    }
    return Neighbours({**_read(followed - near.by_detail.keys()), **near.by_detail})


def details_of(application: MerchantApplication) -> tuple[Detail, ...]:
    """Return the details that an application gave, each with its fingerprint."""
    keys = ((stem, getattr(application, column)) for stem, column in KEYS.items())
    return tuple((stem, key) for stem, key in keys if key is not None)


def _details_to_follow(application: MerchantApplication, near: Sequence[Neighbour]) -> set[Detail]:
    details = {detail for one in near[:FOLLOWED_APPLICATIONS] for detail in one.details}
    return details.difference(details_of(application))


def _read(details: Iterable[Detail]) -> dict[Detail, list[Neighbour]]:
    """Return every submitted application that has one of these details; two queries, none for nothing."""
    keys: dict[str, set[int]] = defaultdict(set)
    for stem, key in details:
        keys[stem].add(key)
    if not keys:
        return {}
    wanted = Q()
    for stem, values in keys.items():
        wanted |= Q(**{f"{KEYS[stem]}__in": values})
    rows = list(
        MerchantApplication.objects.filter(wanted, submitted_at__isnull=False).only(
            "merchant_id", "known_at", "status", "decided_at", *KEYS.values()
        )
    )
    bad = _read_bad(rows)
    found: dict[Detail, list[Neighbour]] = {(stem, key): [] for stem in keys for key in keys[stem]}
    for row in rows:
        details_of_row = details_of(row)
        neighbour = Neighbour(row.pk, row.merchant_id, row.known_at, tuple(bad[row.pk]), details_of_row)
        for detail in details_of_row:
            if detail in found:
                found[detail].append(neighbour)
    for members in found.values():
        members.sort(key=_recency, reverse=True)
    return found


def _recency(neighbour: Neighbour) -> tuple[datetime, int]:
    return neighbour.known_at, neighbour.id


def _read_bad(applications: Iterable[MerchantApplication]) -> dict[int, list[_Span]]:
    """Return when each was known to be bad: from its rejection, by its own or by its merchant's labels."""
    by_merchant: dict[int, list[int]] = defaultdict(list)
    bad: dict[int, list[_Span]] = defaultdict(list)
    for one in applications:
        by_merchant[one.merchant_id].append(one.pk)
        if one.status == ApplicationStatus.REJECTED and one.decided_at is not None:
            bad[one.pk].append((one.decided_at, None))
    ids = [pk for members in by_merchant.values() for pk in members]
    labels = Label.objects.filter(
        Q(subject_kind=Subject.APPLICATION, subject_id__in=ids)
        | Q(subject_kind=Subject.MERCHANT, subject_id__in=by_merchant),
        is_bad=True,
    )
    for kind, subject_id, known_at, superseded_at in labels.values_list(
        "subject_kind", "subject_id", "known_at", "superseded_at"
    ):
        for pk in [subject_id] if kind == Subject.APPLICATION else by_merchant[subject_id]:
            bad[pk].append((known_at, superseded_at))
    return bad
