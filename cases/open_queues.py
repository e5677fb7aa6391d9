"""To whom a queue is open: seniority, roles and the languages its cases are written in.

Said twice, for one queue in memory and as a condition of the database, so that
picking the next of a million cases asks nothing beforehand; a test holds the
two together.
"""

from django.db.models import Q, QuerySet
from django.utils.translation import gettext as _

from accounts.languages import READABLE
from accounts.models import User
from accounts.permissions import Permission, has_permission, require, roles_of
from core.errors import PermissionDenied

from .models import Queue

# What decides which queues are closed to somebody: seniority, roles, languages; None = nothing is closed.
Standing = tuple[bool, frozenset[str], frozenset[str]] | None


def standing_of(user: User) -> Standing:
    """Return what queues are compared with; superusers stand above it."""
    if user.is_superuser:
        return None
    is_senior = has_permission(user, Permission.REVIEW_SENIOR_CASES)
    return is_senior, roles_of(user), frozenset(user.languages)


def closed_queues(standing: Standing) -> QuerySet[Queue]:
    """Return the queues closed to somebody, to be used inside a query: it runs none by itself.

    The codes are compared as quoted words in the text of the list, which both engines can.
    """
    if standing is None:
        return Queue.objects.none()
    is_senior, roles, languages = standing
    closed = Q() if is_senior else Q(needs_senior=True)
    theirs = Q(pk=None)
    for role in sorted(roles):
        theirs |= Q(roles__icontains=f'"{role}"')
    closed |= Q(roles__icontains='"') & ~theirs
    for language in READABLE:
        if language not in languages:
            closed |= Q(languages__icontains=f'"{language}"')
    return Queue.objects.filter(closed).order_by()


def open_queues(user: User) -> QuerySet[Queue]:
    """List the queues this reviewer may work on."""
    standing = standing_of(user)
    return Queue.objects.all() if standing is None else Queue.objects.exclude(pk__in=closed_queues(standing))


def require_open(user: User, queue: Queue) -> None:
    """Raise PermissionDenied unless the queue is open to this reviewer."""
    if queue.needs_senior:
        require(user, Permission.REVIEW_SENIOR_CASES)
    if user.is_superuser:
        return
    if queue.roles and roles_of(user).isdisjoint(queue.roles):
        raise PermissionDenied(_("Another team works on this queue."), code="not_your_queue")
    if not set(queue.languages) <= set(user.languages):
        raise PermissionDenied(
            _("The cases of this queue are in a language that you are not said to read."),
            code="not_your_language",
        )


def people_of(queue: Queue) -> QuerySet[User]:
    """List who works on a queue, superusers aside: active people with its roles and languages."""
    reviewers = {"senior_reviewer"} if queue.needs_senior else {"reviewer", "senior_reviewer"}
    people = User.objects.filter(is_active=True, role_grants__role__in=reviewers)
    if queue.roles:
        people = people.filter(pk__in=User.objects.filter(role_grants__role__in=queue.roles).values("pk"))
    for language in queue.languages:
        people = people.filter(languages__icontains=f'"{language}"')
    return people.distinct()
