"""Notifications in words: with names for the console, without anything of a merchant for mail."""

from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from core.ids import encode

from .models import NoticeKind, Notification


def headline(notice: Notification) -> str:
    """Return what happened; the title of the case stands beside it."""
    who = str(notice.by) if notice.by else ""
    match notice.kind:
        case NoticeKind.MENTION:
            return _("%(who)s calls you in a note") % {"who": who}
        case NoticeKind.ASSIGNED:
            return _("%(who)s gave you a case") % {"who": who}
        case NoticeKind.SIGNATURE:
            return ngettext(
                "A verdict waits for a second signature",
                "%(n)s verdicts have asked for a second signature",
                notice.count,
            ) % {"n": notice.count}
        case NoticeKind.REFUSED:
            return _("%(who)s did not sign your verdict") % {"who": who}
        case NoticeKind.APPEAL if notice.detail == "upheld":
            return _("An appeal against your decision was upheld")
        case NoticeKind.APPEAL:
            return _("An appeal against your decision was denied")
        case NoticeKind.ANSWERED:
            return _("The merchant answered your request")
        case _:
            return _("Queue “%(queue)s” is about to be late") % {"queue": notice.queue}


def sentence_for_mail(notice: Notification) -> str:
    """Return the headline with the case's id: its title names a merchant, and mail travels."""
    if notice.case_id is None:
        return headline(notice)
    return f"{headline(notice)} ({encode('cas', notice.case_id)})"


def href_of(notice: Notification) -> str:
    """Return where a notification leads: its case, its queue, or what waits for a signature."""
    if notice.case_id is not None:
        return reverse("console:case", args=[encode("cas", notice.case_id)])
    if notice.queue is not None:
        return reverse("console:queue", args=[notice.queue.code])
    return reverse("console:signatures")
