"""One person's notifications: reading them, and marking them read."""

from datetime import datetime

from django.db.models import QuerySet

from accounts.models import User
from core.errors import NotFound

from .models import Notification

# The bell counts no further: "99+" says enough.
COUNTED = 100


def list_notifications(user: User, *, only_unread: bool = False) -> QuerySet[Notification]:
    """List what a person was told, newest first when ordered by -id."""
    found = Notification.objects.filter(user=user).select_related("case", "queue", "by")
    return found.filter(read_at=None) if only_unread else found


def count_unread(user: User) -> int:
    """Return how many are unread, counted up to COUNTED; one query on an index."""
    return Notification.objects.filter(user=user, read_at=None).order_by()[:COUNTED].count()


def get_notification(notification_id: int, user: User) -> Notification:
    """Return one's own notification; another one does not exist."""
    found = list_notifications(user).filter(pk=notification_id).first()
    if found is None:
        raise NotFound("No such notification.")
    return found


def mark_read(user: User, *, at: datetime, notification: Notification | None = None) -> int:
    """Mark one notification read, or all; return how many were not before."""
    unread = Notification.objects.filter(user=user, read_at=None)
    if notification is not None:
        unread = unread.filter(pk=notification.pk)
    return unread.update(read_at=at)


def mark_unread(user: User, *, read_at: datetime) -> int:
    """Undo `mark_read`: what was marked at that very moment is unread again."""
    return Notification.objects.filter(user=user, read_at=read_at).update(read_at=None)
