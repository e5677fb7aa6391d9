"""Notifications, what each person wants of them, and how far their consumer has read."""

from django.db import models
from django.utils.translation import gettext_lazy as _

from accounts.models import User
from cases.models import Queue, ReviewCase
from core.fields import TimeOrderedIdField


class NoticeKind(models.TextChoices):
    MENTION = "mention", _("A colleague calls you in a note")
    ASSIGNED = "assigned", _("A case is given to you")
    SIGNATURE = "signature", _("A second signature is wanted")
    REFUSED = "refused", _("Your verdict was not signed")
    APPEAL = "appeal", _("An appeal against your decision is decided")
    ANSWERED = "answered", _("A merchant answered your request")
    LATE = "late", _("A queue you lead is about to be late")


class Channel(models.TextChoices):
    """Each includes the ones before it, except that mail comes at once or with the digest."""

    OFF = "off", _("Off")
    IN_APP = "in_app", _("Here only")
    DIGEST = "digest", _("Here and in the daily mail")
    MAIL = "mail", _("Here and by mail at once")


class Notification(models.Model):
    """One row is one piece of news for one person.

    Of an event a person hears once (`one_notification_per_event_and_person`).
    Second signatures and late queues are gathered: while one is unread, the
    next raises its `count`. `channel` is what the person wanted when it came. A
    mail is claimed in a transaction of its own before it is sent, so that it
    is never sent twice; one that failed after that is not sent at all.
    """

    id = TimeOrderedIdField()
    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="notifications", db_index=False)
    kind = models.CharField(max_length=12, choices=NoticeKind)
    event_id = models.BigIntegerField(null=True, blank=True)  # of the outbox; the last one if gathered
    case = models.ForeignKey(
        ReviewCase, null=True, blank=True, on_delete=models.PROTECT, related_name="+", db_index=False
    )
    queue = models.ForeignKey(
        Queue, null=True, blank=True, on_delete=models.PROTECT, related_name="+", db_index=False
    )
    by = models.ForeignKey(
        User, null=True, blank=True, on_delete=models.PROTECT, related_name="+", db_index=False
    )
    detail = models.CharField(max_length=24, blank=True)  # of an appeal: how it ended
    count = models.PositiveIntegerField(default=1)
    channel = models.CharField(max_length=8, choices=Channel)
    created_at = models.DateTimeField()
    read_at = models.DateTimeField(null=True, blank=True)
    mail_claimed_at = models.DateTimeField(null=True, blank=True)
    mailed_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        verbose_name = _("notification")
        verbose_name_plural = _("notifications")
        indexes = [
            models.Index(fields=["user", "id"], name="notice_of_user"),
            models.Index(fields=["user"], name="notice_unread", condition=models.Q(read_at=None)),
            models.Index(
                fields=["channel", "user"],
                name="notice_to_mail",
                condition=models.Q(mail_claimed_at=None, channel__in=["mail", "digest"]),
            ),
        ]
        constraints = [
            models.UniqueConstraint(
                fields=["event_id", "user"], name="one_notification_per_event_and_person"
            ),
            models.CheckConstraint(condition=~models.Q(channel="off"), name="notification_has_a_channel"),
            models.CheckConstraint(
                condition=models.Q(mailed_at=None) | models.Q(mail_claimed_at__isnull=False),
                name="mail_is_claimed_before_it_is_sent",
            ),
        ]

    def __str__(self) -> str:
        return self.kind


class NoticeChoice(models.Model):
    """One row is how one person wants to hear of one kind of news; without it the default holds."""

    id = TimeOrderedIdField()
    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="notice_choices", db_index=False)
    kind = models.CharField(max_length=12, choices=NoticeKind)
    channel = models.CharField(max_length=8, choices=Channel)

    class Meta:
        verbose_name = _("choice of notifications")
        verbose_name_plural = _("choices of notifications")
        constraints = [
            models.UniqueConstraint(fields=["user", "kind"], name="one_choice_per_person_and_kind")
        ]

    def __str__(self) -> str:
        return f"{self.kind}: {self.channel}"


class DigestSetting(models.Model):
    """One row is when one person gets the daily mail, on their own clock, and for which day they had it."""

    user = models.OneToOneField(User, on_delete=models.CASCADE, primary_key=True, related_name="digest")
    hour = models.PositiveSmallIntegerField(_("hour of the daily mail"), default=8)
    last_on = models.DateField(null=True, blank=True)

    class Meta:
        verbose_name = _("daily mail")
        verbose_name_plural = _("daily mails")
        constraints = [
            models.CheckConstraint(condition=models.Q(hour__lte=23), name="digest_hour_is_of_the_day")
        ]

    def __str__(self) -> str:
        return str(self.hour)


class Consumer(models.Model):
    """One row is how far one reader of the outbox has come: the last sequence it has worked off."""

    id = TimeOrderedIdField()
    name = models.CharField(max_length=40, unique=True)
    sequence = models.BigIntegerField(default=0)

    class Meta:
        verbose_name = _("reader of events")
        verbose_name_plural = _("readers of events")

    def __str__(self) -> str:
        return self.name
