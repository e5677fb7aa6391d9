"""Queues, review cases with their claim, and verdicts."""

from django.db import models
from django.utils.translation import get_language
from django.utils.translation import gettext_lazy as _

from accounts.models import User
from core.fields import StatementField, TimeOrderedIdField, given_with
from core.models import Statement
from risk.models import Decision, Subject


class Queue(models.Model):
    """One row is one line of work for reviewers."""

    id = TimeOrderedIdField()
    code = models.CharField(_("code"), max_length=40, unique=True)
    name_en = models.CharField(_("English name"), max_length=120)
    name_zh = models.CharField(_("Chinese name"), max_length=120, blank=True)
    subject = models.CharField(max_length=16, choices=Subject)
    is_default = models.BooleanField(default=False)  # takes the subject's cases that no rule routed
    resolve_hours = models.PositiveIntegerField(_("hours to decide"), default=24)
    needs_senior = models.BooleanField(_("senior reviewers only"), default=False)
    position = models.PositiveIntegerField(default=0)

    class Meta:
        verbose_name = _("queue")
        verbose_name_plural = _("queues")
        ordering = ["position", "code"]
        constraints = [
            models.UniqueConstraint(
                fields=["subject"], condition=models.Q(is_default=True), name="one_default_queue_per_subject"
            )
        ]

    def __str__(self) -> str:
        is_chinese = (get_language() or "").startswith("zh")
        return self.name_zh if is_chinese and self.name_zh else self.name_en


class CaseStatus(models.TextChoices):
    QUEUED = "queued", _("Queued")
    CLAIMED = "claimed", _("Claimed")
    AWAITING_SUBJECT = "awaiting_subject", _("Awaiting the merchant")
    ON_HOLD = "on_hold", _("On hold")
    RESOLVED = "resolved", _("Resolved")
    CANCELLED = "cancelled", _("Cancelled")


class ReviewCase(models.Model):
    """One row is one question for a person.

    The claim is a lease: `claimed_by` may act until `claim_expires_at`, and
    only with the current `claim_token`, which grows with every claim, so that
    a late verdict under an old claim is recognised (a fencing token).
    `sort_key` orders the queue without a clock: smaller comes first.
    """

    id = TimeOrderedIdField()
    queue = models.ForeignKey(Queue, on_delete=models.PROTECT, related_name="cases")
    status = models.CharField(max_length=20, choices=CaseStatus, default=CaseStatus.QUEUED)
    subject_kind = models.CharField(max_length=16, choices=Subject)
    subject_id = models.BigIntegerField()
    merchant_id = models.BigIntegerField(null=True)
    decision = models.ForeignKey(Decision, null=True, on_delete=models.PROTECT, related_name="cases")
    title = models.CharField(max_length=200)
    value_minor = models.BigIntegerField(default=0)  # base currency, what is at stake
    is_blind = models.BooleanField(
        default=False
    )  # from the random review sample: holds nothing, hides the outcome
    sort_key = models.FloatField()
    due_at = models.DateTimeField()
    evidence_version = models.PositiveIntegerField(default=1)
    claimed_by = models.ForeignKey(
        User, null=True, blank=True, on_delete=models.PROTECT, related_name="claimed_cases"
    )
    claim_token = models.PositiveIntegerField(default=0)
    claim_expires_at = models.DateTimeField(null=True, blank=True)
    created_at = models.DateTimeField()
    resolved_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        verbose_name = _("case")
        verbose_name_plural = _("cases")
        indexes = [
            models.Index(
                fields=["queue", "sort_key", "id"], name="case_next", condition=models.Q(status="queued")
            ),
            # "Next" over all of a reviewer's queues walks this one in order.
            models.Index(
                fields=["sort_key", "id"], name="case_next_anywhere", condition=models.Q(status="queued")
            ),
            models.Index(
                fields=["claim_expires_at"], name="case_lease", condition=models.Q(status="claimed")
            ),
            models.Index(fields=["subject_id", "subject_kind"], name="case_of_subject"),
            models.Index(fields=["status", "id"], name="case_by_status"),
        ]
        constraints = [
            models.UniqueConstraint(
                fields=["subject_kind", "subject_id"],
                condition=models.Q(status__in=["queued", "claimed", "awaiting_subject", "on_hold"]),
                name="one_open_case_per_subject",
            ),
            models.CheckConstraint(
                condition=~models.Q(status="claimed")
                | models.Q(claimed_by__isnull=False, claim_expires_at__isnull=False),
                name="claimed_case_has_a_lease",
            ),
        ]

    def __str__(self) -> str:
        return self.title


class VerdictKind(models.TextChoices):
    APPROVE = "approve", _("Approve")
    REJECT = "reject", _("Reject")
    REQUEST_INFO = "request_info", _("Request information")
    ESCALATE = "escalate", _("Escalate")


class Verdict(models.Model):
    """One row is what one reviewer decided on one case."""

    id = TimeOrderedIdField()
    case = models.ForeignKey(ReviewCase, on_delete=models.PROTECT, related_name="verdicts")
    kind = models.CharField(max_length=16, choices=VerdictKind)
    reason_codes = models.JSONField(default=list)
    # With "request_info": the requirements or fields that the merchant is asked for.
    requested = models.JSONField(default=list)
    message = models.TextField(blank=True)  # to the merchant
    note = models.TextField(blank=True)  # internal
    reviewer = models.ForeignKey(User, on_delete=models.PROTECT, related_name="verdicts")
    claim_token = models.PositiveIntegerField()
    evidence_version = models.PositiveIntegerField()
    created_at = models.DateTimeField()

    class Meta:
        verbose_name = _("verdict")
        verbose_name_plural = _("verdicts")
        constraints = [
            models.UniqueConstraint(fields=["case", "claim_token"], name="one_verdict_per_claim"),
            models.CheckConstraint(
                condition=models.Q(kind="approve") | ~models.Q(reason_codes=[]),
                name="negative_verdict_has_reasons",
            ),
            models.CheckConstraint(
                condition=~models.Q(kind="request_info") | ~models.Q(requested=[]),
                name="information_request_names_what_is_asked",
            ),
        ]

    def __str__(self) -> str:
        return self.kind


class AppealStatus(models.TextChoices):
    OPEN = "open", _("Open")
    UPHELD = "upheld", _("Upheld")
    DENIED = "denied", _("Denied")


class Appeal(models.Model):
    """One row is a merchant's objection to one statement of reasons. There is one per statement, for good."""

    id = TimeOrderedIdField()
    statement = models.ForeignKey(Statement, on_delete=models.PROTECT, related_name="appeals", db_index=False)
    case = models.OneToOneField(ReviewCase, on_delete=models.PROTECT, related_name="appeal")
    merchant_id = models.BigIntegerField()
    status = models.CharField(max_length=8, choices=AppealStatus, default=AppealStatus.OPEN)
    text = models.TextField()
    actor_kind = models.CharField(max_length=16)
    actor_id = models.CharField(max_length=40, blank=True)
    due_at = models.DateTimeField()  # when the merchant was told to expect the answer
    created_at = models.DateTimeField()
    decided_at = models.DateTimeField(null=True, blank=True)
    message = models.TextField(blank=True)  # the second reviewer's own words to the merchant
    # What an upheld appeal tells the merchant, by language; a denied one has a statement of its own.
    texts = models.JSONField(default=dict, blank=True)
    denial = StatementField()

    class Meta:
        verbose_name = _("appeal")
        verbose_name_plural = _("appeals")
        constraints = [
            models.UniqueConstraint(fields=["statement"], name="one_appeal_per_statement"),
            *given_with("denial", name="denied_appeal_has_its_reasons", when=models.Q(status="denied")),
            models.CheckConstraint(
                condition=models.Q(status="open", decided_at=None)
                | (~models.Q(status="open") & models.Q(decided_at__isnull=False)),
                name="closed_appeal_has_its_moment",
            ),
        ]

    def __str__(self) -> str:
        return self.status


class AppealFile(models.Model):
    """One row is one piece of evidence that came with an appeal; the file is private."""

    id = TimeOrderedIdField()
    appeal = models.ForeignKey(Appeal, on_delete=models.PROTECT, related_name="files")
    file = models.FileField(upload_to="appeals/%Y/%m/")
    content_type = models.CharField(max_length=64)
    size_bytes = models.PositiveIntegerField()
    sha256 = models.CharField(max_length=64)
    created_at = models.DateTimeField()

    class Meta:
        verbose_name = _("appeal evidence")
        verbose_name_plural = _("appeal evidence")

    def __str__(self) -> str:
        return self.sha256[:12]


class CaseExclusion(models.Model):
    """One row keeps one person away from one case, because they have decided about it before."""

    id = TimeOrderedIdField()
    case = models.ForeignKey(ReviewCase, on_delete=models.CASCADE, related_name="exclusions", db_index=False)
    user = models.ForeignKey(User, on_delete=models.PROTECT, related_name="+")

    class Meta:
        verbose_name = _("exclusion")
        verbose_name_plural = _("exclusions")
        constraints = [
            models.UniqueConstraint(fields=["case", "user"], name="one_exclusion_per_case_and_person")
        ]

    def __str__(self) -> str:
        return f"{self.user_id} · {self.case_id}"
