"""Imports of files."""

from django.db import models
from django.utils.translation import gettext_lazy as _

from accounts.models import User
from core.fields import TimeOrderedIdField


class ImportStatus(models.TextChoices):
    VALIDATING = "validating", _("Validating")
    APPLYING = "applying", _("Applying")
    COMPLETED = "completed", _("Completed")
    COMPLETED_WITH_ERRORS = "completed_with_errors", _("Completed with errors")
    FAILED = "failed", _("Failed")


class ImportBatch(models.Model):
    """One row is one file, or folder, that was imported."""

    id = TimeOrderedIdField()
    mapping = models.CharField(max_length=40)
    mapping_hash = models.CharField(max_length=64)
    file_name = models.CharField(max_length=200)
    content_sha256 = models.CharField(max_length=64)
    status = models.CharField(max_length=24, choices=ImportStatus, default=ImportStatus.VALIDATING)
    source_rows = models.BigIntegerField(default=0)  # of the orders file, before it is split by seller
    # Orders of ours, or rows that would have become one. Total = applied + known + failed once finished.
    rows_total = models.BigIntegerField(default=0)
    rows_applied = models.BigIntegerField(default=0)
    rows_known = models.BigIntegerField(default=0)  # were there already, unchanged
    rows_failed = models.BigIntegerField(default=0)
    labels_applied = models.BigIntegerField(default=0)
    problem_counts = models.JSONField(default=dict, blank=True)  # code → rows of the error file
    error_file = models.FileField(upload_to="imports/%Y/%m/", blank=True)
    message = models.TextField(blank=True)
    heartbeat_at = models.DateTimeField(null=True, blank=True)
    created_by = models.ForeignKey(User, null=True, on_delete=models.SET_NULL, related_name="+")
    created_at = models.DateTimeField(auto_now_add=True)
    finished_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        verbose_name = _("import")
        verbose_name_plural = _("imports")

    def __str__(self) -> str:
        return self.file_name
