"""What is kept of the desk's past."""

from django.db import models
from django.utils.translation import gettext_lazy as _

from core.fields import TimeOrderedIdField


class DeskMeasurement(models.Model):
    """One row is what a worker measured about the desk's recent past; `measuring` writes and reads it."""

    id = TimeOrderedIdField()
    measured_at = models.DateTimeField()
    since = models.DateTimeField()
    content = models.JSONField()

    class Meta:
        verbose_name = _("desk measurement")
        verbose_name_plural = _("desk measurements")
        indexes = [models.Index(fields=["measured_at"], name="desk_measured")]

    def __str__(self) -> str:
        return f"{self.measured_at:%Y-%m-%d %H:%M}"
