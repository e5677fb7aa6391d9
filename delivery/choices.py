"""How each person wants to hear of each kind of news."""

import zoneinfo
from collections.abc import Mapping
from datetime import datetime

from accounts.actors import actor_of
from accounts.models import User
from core import audit, journal
from core.actors import Actor
from core.errors import FieldError, ValidationFailed
from core.refs import Ref

from .models import Channel, DigestSetting, NoticeChoice, NoticeKind

# By mail at once where somebody waits for this very person; what others may do as well comes once a day.
DEFAULTS: Mapping[str, str] = {
    NoticeKind.MENTION: Channel.MAIL,
    NoticeKind.ASSIGNED: Channel.MAIL,
    NoticeKind.SIGNATURE: Channel.DIGEST,
    NoticeKind.REFUSED: Channel.MAIL,
    NoticeKind.APPEAL: Channel.DIGEST,
    NoticeKind.ANSWERED: Channel.DIGEST,
    NoticeKind.LATE: Channel.MAIL,
}
DEFAULT_HOUR = 8


def channels_of(user: User) -> dict[str, str]:
    """Return the person's channel of every kind; one query."""
    chosen = dict(NoticeChoice.objects.filter(user=user).values_list("kind", "channel"))
    return {**DEFAULTS, **chosen}


def channels_for(users: set[int], kind: str) -> dict[int, str]:
    """Return each person's channel for one kind; one query."""
    rows = NoticeChoice.objects.filter(user__in=users, kind=kind).values_list("user_id", "channel")
    return {**dict.fromkeys(users, DEFAULTS[kind]), **dict(rows)}


def digest_hour(user: User) -> int:
    """Return the hour of the person's day at which the daily mail leaves, 0–23."""
    setting = DigestSetting.objects.filter(user=user).first()
    return DEFAULT_HOUR if setting is None else setting.hour


def choose(user: User, channels: Mapping[str, str], *, hour: int, time_zone: str) -> None:
    """Set a person's own channels, the hour of the daily mail and the time zone. Raises ValidationFailed."""
    errors = [
        FieldError(f"/{kind}", "invalid_choice", "There is no such choice.")
        for kind, channel in channels.items()
        if kind not in NoticeKind.values or channel not in Channel.values
    ]
    if not 0 <= hour <= 23:
        errors.append(FieldError("/hour", "invalid_choice", "A day has the hours 0 to 23."))
    if time_zone not in zoneinfo.available_timezones():
        errors.append(FieldError("/time_zone", "invalid_choice", "There is no such time zone."))
    if errors:
        raise ValidationFailed(errors)
    with journal.unit():
        for kind, channel in channels.items():
            NoticeChoice.objects.update_or_create(user=user, kind=kind, defaults={"channel": channel})
        DigestSetting.objects.update_or_create(user=user, defaults={"hour": hour})
        if user.time_zone != time_zone:
            user.time_zone = time_zone
            user.save(update_fields=["time_zone"])
        _audit(user, dict(channels), actor_of(user))


def stop_mail(user: User, kind: str) -> None:
    """Send no more mail about one kind; news of it stays in the console."""
    with journal.unit():
        NoticeChoice.objects.update_or_create(user=user, kind=kind, defaults={"channel": Channel.IN_APP})
        _audit(user, {kind: Channel.IN_APP}, actor_of(user))


def local_moment(user: User, at: datetime) -> datetime:
    """Return a moment on the person's own clock."""
    return at.astimezone(zoneinfo.ZoneInfo(user.time_zone or "UTC"))


def _audit(user: User, channels: Mapping[str, str], actor: Actor) -> None:
    audit.record(
        "notifications.chosen",
        actor=actor,
        subject=Ref("user", user.pk),
        detail={"channels": {str(kind): str(one) for kind, one in channels.items()}},
    )
