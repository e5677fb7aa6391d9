"""Mail about notifications: at once or once a day, in the reader's language, with links and nothing personal.

A mail is claimed, committed, and only then sent. A crash in between loses that
mail; the notification stays in the console, and nobody gets it twice.
"""

import logging
from collections.abc import Sequence
from datetime import datetime

from django.conf import settings
from django.core import signing
from django.core.mail import EmailMultiAlternatives, get_connection
from django.db import transaction
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils import translation
from django.utils.translation import gettext as _

from accounts.models import User

from .choices import DEFAULT_HOUR, local_moment
from .models import Channel, DigestSetting, Notification
from .wording import href_of, sentence_for_mail

logger = logging.getLogger(__name__)

_BATCH = 200
# Of a digest; the rest is a number and a link.
_LINES = 20
_SALT = "delivery.unsubscribe"


def send_at_once(*, at: datetime) -> int:
    """Send the mails that are wanted at once; return how many left."""
    waiting = Notification.objects.filter(channel=Channel.MAIL, mail_claimed_at=None)
    ids = list(waiting.order_by("pk").values_list("pk", flat=True)[:_BATCH])
    if not ids or not _is_reachable():
        return 0
    return sum(_send_one(pk, at) for pk in ids)


def send_digests(*, at: datetime) -> int:
    """Send the daily mail to whoever has unread news and whose hour has come; return how many left."""
    waiting = Notification.objects.filter(channel=Channel.DIGEST, mail_claimed_at=None, read_at=None)
    users = list(User.objects.filter(pk__in=waiting.values("user_id"), is_active=True).order_by("pk"))
    hours = dict(DigestSetting.objects.filter(user__in=users).values_list("user_id", "hour"))
    due = [user for user in users if local_moment(user, at).hour >= hours.get(user.pk, DEFAULT_HOUR)]
    if not due or not _is_reachable():
        return 0
    return sum(_send_digest(user, at) for user in due)


def read_unsubscribe_token(token: str) -> tuple[int, str] | None:
    """Return person and kind of a link in a mail, None if nobody of ours signed it. It never runs out."""
    try:
        values = signing.loads(token, salt=_SALT)
    except signing.BadSignature:
        return None
    return int(values["user"]), str(values["kind"])


def unsubscribe_url(notification: Notification) -> str:
    token = signing.dumps({"user": notification.user_id, "kind": notification.kind}, salt=_SALT)
    return settings.SITE_URL + reverse("unsubscribe", args=[token])


def _send_one(pk: int, at: datetime) -> bool:
    with transaction.atomic():
        waiting = Notification.objects.select_for_update(of=("self",)).select_related("user", "queue", "by")
        notice = waiting.filter(pk=pk, mail_claimed_at=None).first()
        if notice is None:
            return False
        Notification.objects.filter(pk=pk).update(mail_claimed_at=at)
    if not notice.user.is_active:
        return False
    return _send(notice.user, [notice], at, template="notice", unsubscribe=unsubscribe_url(notice))


def _send_digest(user: User, at: datetime) -> bool:
    today = local_moment(user, at).date()
    with transaction.atomic():
        setting, _is_new = DigestSetting.objects.select_for_update().get_or_create(
            user=user, defaults={"hour": DEFAULT_HOUR}
        )
        if setting.last_on is not None and setting.last_on >= today:
            return False
        waiting = Notification.objects.select_related("queue", "by").filter(
            user=user, channel=Channel.DIGEST, mail_claimed_at=None, read_at=None
        )
        notices = list(waiting.order_by("-pk"))
        if not notices:
            return False
        Notification.objects.filter(pk__in=[notice.pk for notice in notices]).update(mail_claimed_at=at)
        setting.last_on = today
        setting.save(update_fields=["last_on"])
    return _send(user, notices, at, template="digest", unsubscribe="")


def _send(
    user: User, notices: Sequence[Notification], at: datetime, *, template: str, unsubscribe: str
) -> bool:
    with translation.override(user.language or settings.LANGUAGE_CODE):
        lines = [
            {"sentence": sentence_for_mail(notice), "href": settings.SITE_URL + href_of(notice)}
            for notice in notices[:_LINES]
        ]
        context = {
            "user": user,
            "lines": lines,
            "left_out": len(notices) - len(lines),
            "list_url": settings.SITE_URL + reverse("console:notices"),
            "settings_url": settings.SITE_URL + reverse("console:notice-settings"),
            "unsubscribe_url": unsubscribe,
        }
        subject = lines[0]["sentence"] if template == "notice" else _digest_subject(len(notices))
        mail = EmailMultiAlternatives(
            subject=subject,
            body=render_to_string(f"mail/{template}.txt", context),
            to=[user.email],
        )
        mail.attach_alternative(render_to_string(f"mail/{template}.html", context), "text/html")
        if unsubscribe:
            # RFC 8058: the reader's mail program can do it with one click.
            mail.extra_headers["List-Unsubscribe"] = f"<{unsubscribe}>"
            mail.extra_headers["List-Unsubscribe-Post"] = "List-Unsubscribe=One-Click"
    try:
        mail.send()
    except Exception:
        # It may have left all the same, so it is not tried again: twice is worse than in the console only.
        logger.exception("mail_not_sent", extra={"user": user.pk, "notifications": len(notices)})
        return False
    Notification.objects.filter(pk__in=[notice.pk for notice in notices]).update(mailed_at=at)
    return True


def _digest_subject(count: int) -> str:
    return _("Backoffice: %(n)s unread notifications") % {"n": count}


def _is_reachable() -> bool:
    """Try the mail server before anything is claimed: while it is away, mails wait."""
    try:
        connection = get_connection()
        connection.open()
        connection.close()
    except OSError:
        logger.warning("mail_server_unreachable")
        return False
    return True
