"""Reads on second looks."""

from collections.abc import Collection
from datetime import datetime

from django.db.models import Count, Q, QuerySet

from accounts.models import User
from core.errors import NotFound
from core.ids import first_id_at
from merchants.models import Membership

from ..models import ReviewCase, Verdict, VerdictKind, VerdictStatus
from .models import GoldenCase, LookKind, SecondLook

_DETAILS = (
    "case",
    "original",
    "queue",
    "first_reviewer",
    "second_reviewer",
    "first_verdict",
    "second_verdict",
)
# Where a list's counter stops.
COUNTED = 1_000


def find_look(case: ReviewCase) -> SecondLook | None:
    """Return the look for which a case was opened, None for everyday work."""
    return SecondLook.objects.filter(case=case, kind__in=[LookKind.BLIND, LookKind.GOLDEN]).first()


def first_verdict_of(look: SecondLook) -> Verdict | None:
    """Return the verdict that ended the case which is looked at again; of a golden case the original's."""
    if look.first_verdict_id is not None:
        return Verdict.objects.filter(pk=look.first_verdict_id).first()
    judged = Verdict.objects.filter(case_id=look.original_id, status=VerdictStatus.EFFECTIVE)
    return judged.filter(kind__in=[VerdictKind.APPROVE, VerdictKind.REJECT]).order_by("pk").last()


def list_disputed(user: User) -> QuerySet[SecondLook]:
    """List what this person may adjudicate: two others differ, about a merchant that is not theirs."""
    own = Membership.objects.filter(user=user).values("merchant_id")
    return (
        SecondLook.objects.filter(
            is_agreed=False, adjudicated_at=None, kind__in=[LookKind.BLIND, LookKind.SAMPLE]
        )
        .filter(Q(first_reviewer=None) | ~Q(first_reviewer=user))
        .exclude(second_reviewer=user)
        .exclude(case__merchant_id__in=own)
        .exclude(case__opened_by=user)
        .select_related(*_DETAILS)
    )


def count_disputed(user: User) -> int:
    """Return how many wait for this person, counted up to COUNTED."""
    return list_disputed(user).select_related(None).order_by()[:COUNTED].count()


def get_look(look_id: int, user: User) -> SecondLook:
    """Return a look at what two reviewers made of a case; NotFound on a merchant of the user's own."""
    own = Membership.objects.filter(user=user).values("merchant_id")
    looks = SecondLook.objects.filter(pk=look_id, kind__in=[LookKind.BLIND, LookKind.SAMPLE])
    # An open one is not to be told about: it would no longer be blind.
    looks = looks.filter(answered_at__isnull=False).exclude(case__merchant_id__in=own)
    found = looks.select_related(*_DETAILS, "adjudicator").first()
    if found is None:
        raise NotFound("No such look.")
    return found


def list_golden(user: User) -> QuerySet[GoldenCase]:
    """List golden cases, but those of the user's own merchants."""
    own = Membership.objects.filter(user=user).values("merchant_id")
    rows = GoldenCase.objects.exclude(case__merchant_id__in=own)
    return rows.select_related("case", "queue", "marked_by")


def get_golden(golden_id: int, user: User) -> GoldenCase:
    """Return a golden case; NotFound on a merchant of the user's own."""
    found = list_golden(user).filter(pk=golden_id).first()
    if found is None:
        raise NotFound("No such golden case.")
    return found


def list_feedback(user: User, *, since: datetime | None) -> QuerySet[SecondLook]:
    """List what came of this person's own golden answers and of their verdicts that were adjudicated."""
    golden = Q(kind=LookKind.GOLDEN, second_reviewer=user, answered_at__isnull=False)
    own = Q(first_reviewer=user) | Q(second_reviewer=user)
    looks = SecondLook.objects.filter(golden | (own & Q(adjudicated_at__isnull=False)))
    if since is not None:
        looks = looks.filter(pk__gte=first_id_at(since))
    return looks.select_related("case", "queue", "golden")


def count_golden_answers(golden_ids: Collection[int]) -> dict[int, tuple[int, int]]:
    """Return, per golden case, how many answers were right and how many there were; one query."""
    answered = SecondLook.objects.filter(golden__in=golden_ids, is_second_right__isnull=False).order_by()
    rows = answered.values("golden_id").annotate(
        answers=Count("pk"), right=Count("pk", filter=Q(is_second_right=True))
    )
    return {
        key: (right, answers) for key, right, answers in rows.values_list("golden_id", "right", "answers")
    }
