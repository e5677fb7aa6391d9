"""Macros: verdicts that reviewers give often, saved to fill the form with."""

from django.db import models
from django.utils.translation import get_language
from django.utils.translation import gettext_lazy as _

from accounts.models import User
from core.fields import TimeOrderedIdField
from risk.models import Subject


class Macro(models.Model):
    """One row is one saved verdict: its owner's own, or shared with everybody who works on a queue.

    A macro fills a form and decides nothing. A deleted one stays, so that it can be restored.
    """

    id = TimeOrderedIdField()
    name_en = models.CharField(_("English name"), max_length=80)
    name_zh = models.CharField(_("Chinese name"), max_length=80, blank=True)
    subject = models.CharField(max_length=16, choices=Subject)
    owner = models.ForeignKey(User, on_delete=models.PROTECT, related_name="macros")
    queue = models.ForeignKey(  # None: the owner's own
        "cases.Queue", null=True, blank=True, on_delete=models.PROTECT, related_name="macros"
    )
    kind = models.CharField(max_length=16)
    is_final = models.BooleanField(default=False)
    reason_codes = models.JSONField(default=list)
    requested = models.JSONField(default=list)
    message = models.TextField(blank=True)
    note = models.TextField(blank=True)
    hold_hours = models.PositiveIntegerField(null=True, blank=True)
    version = models.PositiveIntegerField(default=1)  # grows with each change: two editors do not overwrite
    created_at = models.DateTimeField()
    deleted_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        verbose_name = _("macro")
        verbose_name_plural = _("macros")
        indexes = [
            models.Index(fields=["owner"], name="macro_of_owner", condition=models.Q(deleted_at=None)),
            models.Index(fields=["queue"], name="macro_of_queue", condition=models.Q(deleted_at=None)),
        ]
        constraints = [
            models.CheckConstraint(
                condition=models.Q(kind__in=["approve", "reject", "request_info", "escalate", "hold"]),
                name="macro_has_a_known_kind",
            ),
            models.CheckConstraint(
                condition=~models.Q(kind="hold") | models.Q(hold_hours__isnull=False),
                name="macro_of_a_hold_has_an_end",
            ),
        ]

    def __str__(self) -> str:
        is_chinese = (get_language() or "").startswith("zh")
        return self.name_zh if is_chinese and self.name_zh else self.name_en
