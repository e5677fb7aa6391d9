"""Breaks: a reviewer goes off and comes back, and is reminded, gently, after long work without a pause."""

from datetime import datetime, timedelta

from django.utils.translation import gettext as _

from accounts.actors import actor_of
from accounts.models import User
from accounts.permissions import Permission, require
from core import audit, journal
from core.errors import FieldError, ValidationFailed
from core.ids import first_id_at
from core.refs import Ref

from .colleagues import Reviewer
from .models import CaseStatus, ReviewCase, Verdict
from .states import CASE

# Minutes a person can choose from; 0 = no reminder. Fifty and ten is the usual rhythm at screens.
CHOICES = (0, 25, 50, 60, 90, 120)
# So long without a verdict counts as a pause: more than a difficult case takes, less than a coffee.
PAUSE = timedelta(minutes=10)
# Work is looked back on for so long: more than the longest reminder, and a bound on what is read.
_LOOKED_BACK = timedelta(hours=5)


def find_reviewer(user: User) -> Reviewer:
    """Return how this person works; a row that is not stored yet if they never chose. One query."""
    return Reviewer.objects.filter(pk=user.pk).first() or Reviewer(user=user)


def go_off(user: User, *, at: datetime) -> int:
    """Take no more cases, and put those in hand back into their queues; return how many that were."""
    require(user, Permission.REVIEW_CASES)
    with journal.unit():
        held = ReviewCase.objects.select_for_update(of=("self",)).filter(
            status=CaseStatus.CLAIMED, claimed_by=user
        )
        cases = list(held.order_by("pk"))
        for case in cases:
            CASE.move(case, "release", actor=actor_of(user), claimed_by=None, claim_expires_at=None)
        # A break that begins ends the one that was due.
        Reviewer.objects.update_or_create(user=user, defaults={"off_since": at, "reminder_closed_at": None})
        _audit("reviewer.went_off", user, {"returned": len(cases)})
    return len(cases)


def come_back(user: User, *, at: datetime) -> None:
    """Take cases again."""
    require(user, Permission.REVIEW_CASES)
    with journal.unit():
        Reviewer.objects.update_or_create(user=user, defaults={"off_since": None, "reminder_closed_at": at})
        _audit("reviewer.came_back", user, {})


def set_break_minutes(user: User, minutes: int) -> None:
    """Choose after how many minutes of work a break is suggested; 0 = never. Raises ValidationFailed."""
    if minutes not in CHOICES:
        detail = _("Please choose one of the options.")
        raise ValidationFailed([FieldError("/break_minutes", "invalid_choice", detail)])
    with journal.unit():
        Reviewer.objects.update_or_create(user=user, defaults={"break_minutes": minutes})
        _audit("reviewer.break_set", user, {"minutes": minutes})


def close_reminder(user: User, *, at: datetime) -> None:
    """Say no for now: the next reminder comes after as much work again."""
    Reviewer.objects.update_or_create(user=user, defaults={"reminder_closed_at": at})


def minutes_to_break(user: User, *, at: datetime) -> int | None:
    """Return for how many minutes a person has worked if a break is due, else None; two queries at most.

    Work is a chain of verdicts with less than PAUSE between one and the next,
    and from the last one to now. It counts from the last reminder that was
    closed, so that there is one in each period at most.
    """
    reviewer = find_reviewer(user)
    if not reviewer.break_minutes or reviewer.off_since is not None:
        return None
    verdicts = Verdict.objects.filter(reviewer=user, pk__gte=first_id_at(at - _LOOKED_BACK))
    moments = verdicts.order_by("-pk").values_list("created_at", flat=True)
    began = at
    for moment in moments:
        if began - moment >= PAUSE:
            break
        began = moment
    closed = reviewer.reminder_closed_at
    since = began if closed is None else max(began, closed)
    worked = int((at - began).total_seconds() // 60)
    return worked if at - since >= timedelta(minutes=reviewer.break_minutes) else None


def _audit(action: str, user: User, detail: dict[str, int]) -> None:
    audit.record(action, actor=actor_of(user), subject=Ref("user", user.pk), detail=detail)
