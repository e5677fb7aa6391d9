"""Golden cases, and second looks at what was decided."""

from django.db import models
from django.utils.translation import gettext_lazy as _

from accounts.models import User
from core.fields import TimeOrderedIdField

_JUDGEMENTS = ["approve", "reject"]


class GoldenCase(models.Model):
    """One row is a resolved case whose right answer is known; reviewers are served copies of it."""

    id = TimeOrderedIdField()
    case = models.OneToOneField("cases.ReviewCase", on_delete=models.PROTECT, related_name="golden")
    queue = models.ForeignKey("cases.Queue", on_delete=models.PROTECT, related_name="golden_cases")
    kind = models.CharField(_("right verdict"), max_length=16)
    reason_codes = models.JSONField(default=list)
    why = models.TextField(_("why it is right"))
    judged_at = models.DateTimeField()  # the copies show what was known then
    marked_by = models.ForeignKey(User, on_delete=models.PROTECT, related_name="+")
    created_at = models.DateTimeField()
    retired_at = models.DateTimeField(null=True, blank=True)  # served no longer

    class Meta:
        verbose_name = _("golden case")
        verbose_name_plural = _("golden cases")
        constraints = [
            models.CheckConstraint(
                condition=models.Q(kind="approve") | (models.Q(kind="reject") & ~models.Q(reason_codes=[])),
                name="golden_case_has_its_answer",
            ),
            models.CheckConstraint(condition=~models.Q(why=""), name="golden_case_says_why"),
        ]

    def __str__(self) -> str:
        return self.kind


class LookKind(models.TextChoices):
    BLIND = "blind", _("Blind second review")
    SAMPLE = "sample", _("Random sample of the system’s decisions")
    GOLDEN = "golden", _("Golden case")
    SIGNATURE = "signature", _("Second signature")
    APPEAL = "appeal", _("Appeal")


class SecondLook(models.Model):
    """One row is one decision that somebody looked at again, and what came of it.

    The first is a reviewer, the system (a sample, or an appeal against it) or,
    of a golden case, the answer that is known. `is_first_right` and
    `is_second_right` are None while that is not known, or not asked. What two
    reviewers say of the same evidence counts for agreement as they said it;
    the truth only for who was right.
    """

    id = TimeOrderedIdField()
    kind = models.CharField(max_length=12, choices=LookKind)
    queue = models.ForeignKey(  # copied from the case
        "cases.Queue", on_delete=models.PROTECT, related_name="looks", db_index=False
    )
    # Where the second judges: its own case of a blind review or a golden copy, else the very case.
    case = models.ForeignKey("cases.ReviewCase", on_delete=models.PROTECT, related_name="looks")
    original = models.ForeignKey(  # where the first judged
        "cases.ReviewCase", null=True, on_delete=models.PROTECT, related_name="looked_at"
    )
    golden = models.ForeignKey(GoldenCase, null=True, on_delete=models.PROTECT, related_name="looks")
    judged_at = models.DateTimeField()  # by the first; the second sees what was known then
    model_id = models.BigIntegerField(null=True)  # copied from the decision
    first_verdict = models.ForeignKey("cases.Verdict", null=True, on_delete=models.PROTECT, related_name="+")
    first_reviewer = models.ForeignKey(
        User, null=True, on_delete=models.PROTECT, related_name="+", db_index=False
    )
    first_kind = models.CharField(max_length=16)
    first_codes = models.JSONField(default=list)
    second_verdict = models.ForeignKey("cases.Verdict", null=True, on_delete=models.PROTECT, related_name="+")
    second_reviewer = models.ForeignKey(
        User, null=True, on_delete=models.PROTECT, related_name="+", db_index=False
    )
    second_kind = models.CharField(max_length=16, blank=True)
    second_codes = models.JSONField(default=list)
    is_agreed = models.BooleanField(null=True)  # None: not answered yet
    is_first_right = models.BooleanField(null=True)
    is_second_right = models.BooleanField(null=True)
    # Set where the two differed and a lead decided.
    truth_kind = models.CharField(max_length=16, blank=True)
    truth_codes = models.JSONField(default=list)
    truth_note = models.TextField(blank=True)
    adjudicator = models.ForeignKey(
        User, null=True, on_delete=models.PROTECT, related_name="+", db_index=False
    )
    is_undone = models.BooleanField(default=False)  # what the first decided was taken back
    created_at = models.DateTimeField()
    answered_at = models.DateTimeField(null=True)
    adjudicated_at = models.DateTimeField(null=True)
    dropped_at = models.DateTimeField(null=True)  # the question went away before it was answered

    class Meta:
        verbose_name = _("second look")
        verbose_name_plural = _("second looks")
        indexes = [
            models.Index(fields=["first_reviewer", "id"], name="look_of_first"),
            models.Index(fields=["second_reviewer", "id"], name="look_of_second"),
            models.Index(fields=["queue", "id"], name="look_in_queue"),
            models.Index(
                fields=["id"],
                name="look_to_adjudicate",
                condition=models.Q(is_agreed=False, adjudicated_at=None, kind__in=["blind", "sample"]),
            ),
        ]
        constraints = [
            models.UniqueConstraint(
                fields=["case"],
                condition=models.Q(kind__in=["blind", "golden", "sample"]),
                name="one_look_per_case",
            ),
            models.UniqueConstraint(
                fields=["kind", "first_verdict"],
                condition=models.Q(first_verdict__isnull=False),
                name="one_look_of_a_kind_per_verdict",
            ),
            models.CheckConstraint(
                condition=models.Q(first_reviewer=None)
                | models.Q(second_reviewer=None)
                | ~models.Q(second_reviewer=models.F("first_reviewer")),
                name="second_look_is_not_the_first",
            ),
            models.CheckConstraint(
                condition=models.Q(adjudicator=None)
                | (
                    (models.Q(first_reviewer=None) | ~models.Q(adjudicator=models.F("first_reviewer")))
                    & (models.Q(second_reviewer=None) | ~models.Q(adjudicator=models.F("second_reviewer")))
                ),
                name="adjudicator_is_a_third",
            ),
            models.CheckConstraint(
                condition=models.Q(adjudicator=None, adjudicated_at=None, truth_kind="")
                | (
                    models.Q(adjudicator__isnull=False, adjudicated_at__isnull=False, is_agreed=False)
                    & models.Q(truth_kind__in=_JUDGEMENTS)
                ),
                name="adjudication_is_whole",
            ),
            models.CheckConstraint(
                condition=models.Q(is_agreed=None, answered_at=None)
                | models.Q(is_agreed__isnull=False, answered_at__isnull=False),
                name="answer_has_its_moment",
            ),
        ]

    def __str__(self) -> str:
        return self.kind


class LookReason(models.Model):
    """One row is a reason that either gave in a blind second review: agreement is counted per reason."""

    id = TimeOrderedIdField()
    look = models.ForeignKey(SecondLook, on_delete=models.CASCADE, related_name="reasons", db_index=False)
    code = models.CharField(max_length=40)
    by_first = models.BooleanField()
    by_second = models.BooleanField()

    class Meta:
        verbose_name = _("reason in a second look")
        verbose_name_plural = _("reasons in second looks")
        constraints = [models.UniqueConstraint(fields=["look", "code"], name="one_row_per_look_and_reason")]

    def __str__(self) -> str:
        return self.code


class LookRule(models.Model):
    """One row is a rule that had matched in the decision that was looked at again."""

    id = TimeOrderedIdField()
    look = models.ForeignKey(SecondLook, on_delete=models.CASCADE, related_name="rules", db_index=False)
    code = models.CharField(max_length=40)

    class Meta:
        verbose_name = _("rule in a second look")
        verbose_name_plural = _("rules in second looks")
        constraints = [models.UniqueConstraint(fields=["look", "code"], name="one_row_per_look_and_rule")]

    def __str__(self) -> str:
        return self.code
