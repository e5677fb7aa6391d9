"""What reviewers are to each other: notes, mentions and files on cases, and who is at work."""

from django.db import models
from django.utils.translation import gettext_lazy as _

from accounts.models import User
from core.fields import TimeOrderedIdField


class CaseNote(models.Model):
    """One row is what one person wrote about one case for colleagues. A trigger keeps it as it was written.

    Its author can take it back for a while; what stays then is who wrote it and when.
    """

    id = TimeOrderedIdField()
    case = models.ForeignKey(
        "cases.ReviewCase", on_delete=models.PROTECT, related_name="notes", db_index=False
    )
    author = models.ForeignKey(User, on_delete=models.PROTECT, related_name="+")
    text = models.TextField(blank=True)
    created_at = models.DateTimeField()
    removed_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        verbose_name = _("note")
        verbose_name_plural = _("notes")
        indexes = [models.Index(fields=["case", "id"], name="note_of_case")]
        constraints = [
            models.CheckConstraint(
                condition=models.Q(removed_at=None) | models.Q(text=""), name="removed_note_says_nothing"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.author_id} · {self.case_id}"


class NoteMention(models.Model):
    """One row is one colleague whom a note calls by `handle`, as it was written."""

    id = TimeOrderedIdField()
    note = models.ForeignKey(CaseNote, on_delete=models.CASCADE, related_name="mentions", db_index=False)
    user = models.ForeignKey(User, on_delete=models.PROTECT, related_name="+")
    handle = models.CharField(max_length=254)

    class Meta:
        verbose_name = _("mention")
        verbose_name_plural = _("mentions")
        constraints = [
            models.UniqueConstraint(fields=["note", "user"], name="one_mention_per_note_and_person")
        ]

    def __str__(self) -> str:
        return self.handle


class NoteFile(models.Model):
    """One row is one file that came with a note; the file is private."""

    id = TimeOrderedIdField()
    note = models.ForeignKey(CaseNote, on_delete=models.PROTECT, related_name="files")
    file = models.FileField(upload_to="notes/%Y/%m/")
    content_type = models.CharField(max_length=64)
    size_bytes = models.PositiveIntegerField()
    sha256 = models.CharField(max_length=64)
    created_at = models.DateTimeField()

    class Meta:
        verbose_name = _("file of a note")
        verbose_name_plural = _("files of notes")

    def __str__(self) -> str:
        return self.sha256[:12]


class Reviewer(models.Model):
    """One row is how one person works on cases: whether they are off, and when a break is due.

    Without a row the person works, and is reminded after DEFAULT_BREAK_MINUTES.
    """

    DEFAULT_BREAK_MINUTES = 60

    user = models.OneToOneField(User, on_delete=models.CASCADE, primary_key=True, related_name="reviewer")
    off_since = models.DateTimeField(null=True, blank=True)  # None = at work
    # Of work without a pause, until a break is suggested; 0 = never.
    break_minutes = models.PositiveSmallIntegerField(_("minutes to a break"), default=DEFAULT_BREAK_MINUTES)
    reminder_closed_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        verbose_name = _("reviewer at work")
        verbose_name_plural = _("reviewers at work")
        constraints = [
            models.CheckConstraint(
                condition=models.Q(break_minutes=0) | models.Q(break_minutes__range=(15, 240)),
                name="break_is_off_or_sensible",
            )
        ]

    def __str__(self) -> str:
        return str(self.user_id)
