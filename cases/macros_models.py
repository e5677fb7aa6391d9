"""Macros: verdicts that people write down once and give again and again."""

from django.db import models
from django.utils.translation import get_language
from django.utils.translation import gettext_lazy as _

from accounts.models import User
from core.fields import TimeOrderedIdField
from risk.models import Subject

# An escalation is about one case; nobody writes it down beforehand.
MACRO_KINDS = ("approve", "reject", "request_info", "hold")
# Of a pause; the same as verdicts.LONGEST_HOLD.
MOST_HOLD_HOURS = 14 * 24


class Macro(models.Model):
    """One row is one verdict written down beforehand, for one person or for everybody on one queue.

    It only ever fills the form: what a reviewer sends is checked like any other verdict.
    """

    id = TimeOrderedIdField()
    subject = models.CharField(max_length=16, choices=Subject)
    owner = models.ForeignKey(  # None: everybody's on the queue
        User, null=True, blank=True, on_delete=models.CASCADE, related_name="macros", db_index=False
    )
    queue = models.ForeignKey(  # None: its owner's alone
        "cases.Queue",
        null=True,
        blank=True,
        on_delete=models.PROTECT,
        related_name="macros",
        db_index=False,
    )
    name = models.CharField(_("name"), max_length=60)
    name_zh = models.CharField(_("Chinese name"), max_length=60, blank=True)
    kind = models.CharField(max_length=16)
    reason_codes = models.JSONField(default=list, blank=True)
    message = models.TextField(blank=True)  # to the merchant
    note = models.TextField(blank=True)  # internal
    hold_hours = models.PositiveSmallIntegerField(null=True, blank=True)  # with "hold"
    is_final = models.BooleanField(default=False)  # with "reject"
    created_at = models.DateTimeField()
    removed_at = models.DateTimeField(null=True, blank=True)  # None = in use

    class Meta:
        verbose_name = _("macro")
        verbose_name_plural = _("macros")
        indexes = [
            models.Index(fields=["owner", "id"], name="macro_of_owner"),
            models.Index(fields=["queue", "id"], name="macro_of_queue"),
        ]
        constraints = [
            models.UniqueConstraint(
                fields=["owner", "subject", "name"],
                condition=models.Q(removed_at=None, owner__isnull=False),
                name="one_macro_per_owner_and_name",
            ),
            models.UniqueConstraint(
                fields=["queue", "name"],
                condition=models.Q(removed_at=None, queue__isnull=False),
                name="one_macro_per_queue_and_name",
            ),
            models.CheckConstraint(
                condition=models.Q(owner=None, queue__isnull=False)
                | models.Q(owner__isnull=False, queue=None),
                name="macro_is_of_a_person_or_a_queue",
            ),
            models.CheckConstraint(condition=~models.Q(name=""), name="macro_has_a_name"),
            models.CheckConstraint(
                condition=models.Q(kind__in=MACRO_KINDS), name="macro_is_a_verdict_one_prepares"
            ),
            models.CheckConstraint(
                condition=models.Q(kind__in=["approve", "hold"]) | ~models.Q(reason_codes=[]),
                name="negative_macro_has_reasons",
            ),
            models.CheckConstraint(
                condition=models.Q(kind="hold", hold_hours__range=(1, MOST_HOLD_HOURS))
                | (~models.Q(kind="hold") & models.Q(hold_hours=None)),
                name="macro_holds_for_a_while",
            ),
            models.CheckConstraint(
                condition=models.Q(is_final=False) | models.Q(kind="reject", subject="application"),
                name="final_macro_rejects_an_application",
            ),
        ]

    def __str__(self) -> str:
        is_chinese = (get_language() or "").startswith("zh")
        return self.name_zh if is_chinese and self.name_zh else self.name
