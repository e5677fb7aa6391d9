"""Selections of cases, and the one verdict that was given on each of them."""

from django.db import models
from django.utils.translation import gettext_lazy as _

from accounts.models import User
from core.fields import TimeOrderedIdField
from risk.models.runs import Run


class Selection(models.Model):
    """One row is a set of cases of one queue that a reviewer chose; it never changes (a trigger keeps it).

    `matched` counts what the choice was made from, up to one more than a selection holds.
    """

    id = TimeOrderedIdField()
    queue = models.ForeignKey("cases.Queue", on_delete=models.PROTECT, related_name="+")
    reviewer = models.ForeignKey(User, on_delete=models.PROTECT, related_name="selections")
    search = models.CharField(max_length=80, blank=True)  # what the list was filtered by
    matched = models.PositiveIntegerField()
    created_at = models.DateTimeField()

    class Meta:
        verbose_name = _("selection")
        verbose_name_plural = _("selections")
        indexes = [models.Index(fields=["reviewer", "-id"], name="selection_of_reviewer")]

    def __str__(self) -> str:
        return f"{self.queue} · {self.matched}"


class BulkResult(models.TextChoices):
    RECORDED = "recorded", _("Recorded")
    REFUSED = "refused", _("Left alone")
    UNDONE = "undone", _("Undone")


class SelectedCase(models.Model):
    """One row is one case of a selection with the evidence it had then, and what the bulk verdict did to it.

    `result` is empty until it was its turn. `code` says why a case was left alone, or its verdict not undone.
    """

    id = TimeOrderedIdField()
    selection = models.ForeignKey(Selection, on_delete=models.PROTECT, related_name="members", db_index=False)
    case = models.ForeignKey("cases.ReviewCase", on_delete=models.PROTECT, related_name="selections")
    position = models.PositiveIntegerField()  # in the queue's order of work when it was chosen, from 1
    evidence_version = models.PositiveIntegerField()
    result = models.CharField(max_length=12, choices=BulkResult, blank=True)
    code = models.CharField(max_length=32, blank=True)
    verdict = models.OneToOneField(
        "cases.Verdict", null=True, blank=True, on_delete=models.PROTECT, related_name="selected"
    )

    class Meta:
        verbose_name = _("selected case")
        verbose_name_plural = _("selected cases")
        constraints = [
            models.UniqueConstraint(fields=["selection", "position"], name="one_case_per_position"),
            models.UniqueConstraint(fields=["selection", "case"], name="case_is_selected_once"),
            models.CheckConstraint(
                condition=models.Q(result__in=["recorded", "undone"], verdict__isnull=False)
                | (~models.Q(result__in=["recorded", "undone"]) & models.Q(verdict__isnull=True)),
                name="recorded_member_has_its_verdict",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.position}"


class BulkVerdict(Run):
    """One row is one verdict given on every case of a selection; a worker records them one by one.

    What was decided never changes (a trigger keeps it). Nothing of it takes effect before `undo_until`, which
    is set when the worker is through: until then all of it can be undone.
    """

    id = TimeOrderedIdField()
    selection = models.OneToOneField(Selection, on_delete=models.PROTECT, related_name="bulk_verdict")
    kind = models.CharField(max_length=16)
    is_final = models.BooleanField(default=False)
    reason_codes = models.JSONField(default=list)
    requested = models.JSONField(default=list)
    merchant_message = models.TextField(blank=True)  # `message` is the run’s own, for the log
    note = models.TextField(blank=True)
    hold_until = models.DateTimeField(null=True, blank=True)
    undo_seconds = models.PositiveIntegerField(default=0)
    undo_until = models.DateTimeField(null=True, blank=True)
    undo_requested_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        verbose_name = _("bulk verdict")
        verbose_name_plural = _("bulk verdicts")
        indexes = [
            models.Index(
                fields=["status"],
                name="bulk_verdict_open",
                condition=models.Q(status__in=["queued", "running"]) | models.Q(undo_until=None),
            ),
        ]
        constraints = [
            models.CheckConstraint(
                condition=models.Q(kind__in=["approve", "hold"]) | ~models.Q(reason_codes=[]),
                name="negative_bulk_verdict_has_reasons",
            ),
        ]

    def __str__(self) -> str:
        return self.kind
