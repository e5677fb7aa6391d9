"""What every run that a worker takes keeps on its row."""

from django.db import models
from django.utils.translation import gettext_lazy as _


class Run(models.Model):
    """One row is one piece of work for a worker, from its request to its end; see `risk.runs`.

    `attempt` counts the workers that took it up: a worker whose number is no longer the row's was taken for
    dead, and writes nothing more. `message` is English, for logs and the command line; `code` says the same
    to programs: one of `ml.errors` or `core.errors`, or of those below. Columns that came later have their
    default in the database too, so that the version before can still write rows.
    """

    class Status(models.TextChoices):
        QUEUED = "queued", _("Queued")
        RUNNING = "running", _("Running")
        FINISHED = "finished", _("Finished")
        FAILED = "failed", _("Failed")
        CANCELLED = "cancelled", _("Cancelled")

    ABANDONED = "abandoned"  # what killed its workers would kill another
    INTERNAL = "internal"  # nobody foresaw it; the log has the reason

    status = models.CharField(max_length=12, choices=Status, default=Status.QUEUED)
    step = models.CharField(max_length=40, blank=True, default="", db_default="")
    message = models.TextField(blank=True)
    code = models.CharField(max_length=32, blank=True, default="", db_default="")  # "" = nothing to explain
    created_at = models.DateTimeField(auto_now_add=True)
    started_at = models.DateTimeField(null=True, blank=True)
    attempt = models.PositiveSmallIntegerField(default=0, db_default=0)
    heartbeat_at = models.DateTimeField(null=True, blank=True)
    cancel_requested_at = models.DateTimeField(null=True, blank=True)
    finished_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        abstract = True
