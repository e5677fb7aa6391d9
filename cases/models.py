"""Queues, review cases with their claim, and verdicts."""

from django.db import models
from django.utils.translation import get_language, pgettext_lazy
from django.utils.translation import gettext_lazy as _

from accounts.models import User
from core.fields import StatementField, TimeOrderedIdField, given_with
from core.models import Statement
from risk.models import Decision, Subject

from . import colleagues, macros_models  # noqa: F401 - their tables are this app's too
from .exclusions import CaseExclusion as CaseExclusion  # noqa: PLC0414 - exported with the rest
from .measurement import DeskMeasurement  # noqa: F401 - where Django looks for it
from .priority import MOST_HEAD_START_HOURS
from .quality import models as _quality  # noqa: F401 - its tables are of this app


def _working_week() -> list[list[list[str]]]:
    return [[["09:00", "18:00"]]] * 5 + [[], []]


class Calendar(models.Model):
    """One row is the hours of one team: when a queue's clocks run. Read by `hours.read_hours`."""

    id = TimeOrderedIdField()
    code = models.CharField(_("code"), max_length=40, unique=True)
    time_zone = models.CharField(_("time zone"), max_length=64, default="Asia/Shanghai")
    # Seven days from Monday, each a list of stretches: [["09:00", "12:00"], ["13:00", "18:00"]].
    hours = models.JSONField(_("hours of the week"), default=_working_week)
    holidays = models.JSONField(_("holidays"), default=list, blank=True)

    class Meta:
        verbose_name = _("calendar")
        verbose_name_plural = _("calendars")
        ordering = ["code"]

    def __str__(self) -> str:
        return self.code


class Queue(models.Model):
    """One row is one line of work for reviewers.

    A case goes to the first queue of its subject, by position, whose condition
    is true and that has room; else to the subject's default queue.
    """

    id = TimeOrderedIdField()
    code = models.CharField(_("code"), max_length=40, unique=True)
    name_en = models.CharField(_("English name"), max_length=120)
    name_zh = models.CharField(_("Chinese name"), max_length=120, blank=True)
    subject = models.CharField(max_length=16, choices=Subject)
    is_default = models.BooleanField(default=False)  # takes the subject's cases that no rule routed
    # In the language of rules, on the facts of the decision. Empty: only what a rule routes here, and what no
    # other queue takes if it is the default.
    condition = models.TextField(_("condition"), blank=True)
    # The most undecided cases it takes; what comes then goes to the next that matches. None = no limit.
    capacity = models.PositiveIntegerField(_("most undecided cases"), null=True, blank=True)
    calendar = models.ForeignKey(  # None: the clock never stops
        Calendar, null=True, blank=True, on_delete=models.PROTECT, related_name="queues"
    )
    first_touch_hours = models.PositiveIntegerField(_("hours to first look"), null=True, blank=True)
    resolve_hours = models.PositiveIntegerField(_("hours to decide"), default=24)
    # How many hours its cases move forward among those of other queues.
    head_start_hours = models.PositiveIntegerField(_("head start in hours"), default=0)
    # Verdicts that are not offered here, by their codes.
    hidden_verdicts = models.JSONField(_("hidden verdicts"), default=list, blank=True)
    needs_senior = models.BooleanField(_("senior reviewers only"), default=False)
    # Who works on it: holders of one of these roles, by their codes; none = every reviewer.
    roles = models.JSONField(_("roles"), default=list, blank=True)
    # What its cases are written in: its reviewers read all of these, by their codes; none = any reviewer.
    languages = models.JSONField(_("languages"), default=list, blank=True)
    # Who is told when its cases are about to be late. None = nobody.
    lead = models.ForeignKey(
        User,
        null=True,
        blank=True,
        on_delete=models.PROTECT,
        related_name="led_queues",
        verbose_name=_("lead"),
    )
    # Of what is at stake, base currency: from here on a judgement takes two people. None = never.
    second_sign_from_minor = models.BigIntegerField(_("second signature from"), null=True, blank=True)
    # Of verdicts that took effect: this share is put before a second reviewer who does not know the first.
    blind_share = models.FloatField(_("share reviewed twice"), default=0)
    # Of the cases that "Next" serves: this share is replaced by a hidden copy of a golden case.
    golden_share = models.FloatField(_("share of golden cases"), default=0)
    position = models.PositiveIntegerField(default=0)

    class Meta:
        verbose_name = _("queue")
        verbose_name_plural = _("queues")
        ordering = ["position", "code"]
        constraints = [
            models.UniqueConstraint(
                fields=["subject"], condition=models.Q(is_default=True), name="one_default_queue_per_subject"
            ),
            # The last resort takes everything.
            models.CheckConstraint(
                condition=models.Q(is_default=False) | models.Q(condition="", capacity__isnull=True),
                name="default_queue_takes_everything",
            ),
            # Keeps the bound of priority.longest_overtaking() true.
            models.CheckConstraint(
                condition=models.Q(head_start_hours__lte=MOST_HEAD_START_HOURS), name="head_start_is_bounded"
            ),
            models.CheckConstraint(
                condition=models.Q(blind_share__range=(0, 1)), name="blind_share_is_a_share"
            ),
            # More would be drill, not work.
            models.CheckConstraint(
                condition=models.Q(golden_share__range=(0, 0.5)), name="golden_share_is_a_half_at_most"
            ),
        ]

    def __str__(self) -> str:
        is_chinese = (get_language() or "").startswith("zh")
        return self.name_zh if is_chinese and self.name_zh else self.name_en


class CaseStatus(models.TextChoices):
    QUEUED = "queued", _("Queued")
    CLAIMED = "claimed", _("Claimed")
    AWAITING_SECOND = "awaiting_second", _("Second signature")
    DECIDED = "decided", pgettext_lazy("case", "Decided")  # may still be undone
    AWAITING_SUBJECT = "awaiting_subject", _("Awaiting the merchant")
    ON_HOLD = "on_hold", _("On hold")
    RESOLVED = "resolved", _("Resolved")
    CANCELLED = "cancelled", _("Cancelled")


OPEN = tuple(status for status in CaseStatus if status not in {CaseStatus.RESOLVED, CaseStatus.CANCELLED})


class CasePurpose(models.TextChoices):
    WORK = "work", _("Work")
    BLIND = "blind", _("Blind second review")
    GOLDEN = "golden", _("Copy of a golden case")


class ReviewCase(models.Model):
    """One row is one question for a person.

    The claim is a lease: `claimed_by` may act until `claim_expires_at`, and
    only with the current `claim_token`, which grows with every claim, so that
    a late verdict under an old claim is recognised (a fencing token). There is
    a lease exactly while the case is claimed.
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
    # Anything but work looks like it to reviewers and has no effect, see `quality`.
    purpose = models.CharField(max_length=8, choices=CasePurpose, default=CasePurpose.WORK)
    sort_key = models.FloatField()
    due_at = models.DateTimeField()
    first_touch_due_at = models.DateTimeField(null=True, blank=True)
    touched_at = models.DateTimeField(null=True, blank=True)  # first claimed
    paused_at = models.DateTimeField(null=True, blank=True)  # the merchant has the word: the clocks stand
    evidence_version = models.PositiveIntegerField(default=1)
    claimed_by = models.ForeignKey(
        User, null=True, blank=True, on_delete=models.PROTECT, related_name="claimed_cases"
    )
    claim_token = models.PositiveIntegerField(default=0)
    claim_expires_at = models.DateTimeField(null=True, blank=True)
    # Escalated to this person: nobody else is given it. None = whoever works on the queue.
    assigned_to = models.ForeignKey(
        User, null=True, blank=True, on_delete=models.PROTECT, related_name="assigned_cases"
    )
    # Who asked the question, if a person did: they neither decide it nor sign.
    opened_by = models.ForeignKey(
        User, null=True, blank=True, on_delete=models.PROTECT, related_name="opened_cases"
    )
    held_until = models.DateTimeField(null=True, blank=True)
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
            # Says nothing of the status: just after a wave of claims, PostgreSQL's figures know of none that
            # are claimed, and it would walk through all of them to find one that has run out.
            models.Index(
                fields=["claim_expires_at"],
                name="case_lease",
                condition=models.Q(claim_expires_at__isnull=False),
            ),
            # What a queue's line shows, however long the queue is: the first to fall due, and the oldest.
            models.Index(
                fields=["queue", "due_at"],
                name="case_due",
                condition=models.Q(status__in=["queued", "claimed"]),
            ),
            models.Index(
                fields=["queue", "created_at"],
                name="case_age",
                condition=models.Q(status__in=["queued", "claimed"]),
            ),
            models.Index(
                fields=["queue", "first_touch_due_at"],
                name="case_first_touch",
                condition=models.Q(status="queued", touched_at__isnull=True),
            ),
            # What came in and what was closed in a span of time.
            models.Index(fields=["created_at"], name="case_opened"),
            models.Index(
                fields=["resolved_at"], name="case_resolved", condition=models.Q(resolved_at__isnull=False)
            ),
            models.Index(fields=["queue", "status"], name="case_in_queue"),
            models.Index(fields=["held_until"], name="case_held", condition=models.Q(status="on_hold")),
            models.Index(fields=["subject_id", "subject_kind"], name="case_of_subject"),
            models.Index(fields=["status", "id"], name="case_by_status"),
        ]
        constraints = [
            models.UniqueConstraint(
                fields=["subject_kind", "subject_id"],
                condition=models.Q(status__in=[status.value for status in OPEN], purpose="work"),
                name="one_open_case_per_subject",
            ),
            models.CheckConstraint(
                condition=models.Q(status="claimed", claimed_by__isnull=False, claim_expires_at__isnull=False)
                | (~models.Q(status="claimed") & models.Q(claim_expires_at__isnull=True)),
                name="lease_exactly_while_claimed",
            ),
            models.CheckConstraint(
                condition=~models.Q(status="on_hold") | models.Q(held_until__isnull=False),
                name="held_case_comes_back",
            ),
        ]

    def __str__(self) -> str:
        return self.title


class VerdictKind(models.TextChoices):
    APPROVE = "approve", _("Approve")
    REJECT = "reject", _("Reject")
    REQUEST_INFO = "request_info", _("Request information")
    ESCALATE = "escalate", _("Escalate")
    HOLD = "hold", _("Put aside")


class VerdictStatus(models.TextChoices):
    AWAITING_SECOND = "awaiting_second", _("Awaiting a second signature")
    PENDING = "pending", _("Takes effect soon")  # until `effective_at` it may be undone
    EFFECTIVE = "effective", _("In effect")
    UNDONE = "undone", _("Undone")
    REFUSED = "refused", _("Refused by the second signer")
    VOID = "void", _("Void")  # the evidence or the subject changed before it took effect


class Verdict(models.Model):
    """One row is what one reviewer decided on one case, and who signed it with them.

    What was decided never changes (a trigger keeps it); `status` tells what
    became of it. The constraints hold for everybody, superusers included.
    """

    id = TimeOrderedIdField()
    case = models.ForeignKey(ReviewCase, on_delete=models.PROTECT, related_name="verdicts")
    kind = models.CharField(max_length=16, choices=VerdictKind)
    is_final = models.BooleanField(default=False)  # a rejection that no further attempt follows
    reason_codes = models.JSONField(default=list)
    # With "request_info": the requirements or fields that the merchant is asked for.
    requested = models.JSONField(default=list)
    message = models.TextField(blank=True)  # to the merchant
    note = models.TextField(blank=True)  # internal
    hold_until = models.DateTimeField(null=True, blank=True)  # with "hold"
    assignee = models.ForeignKey(  # with "escalate": to this person instead of the senior queue
        User, null=True, blank=True, on_delete=models.PROTECT, related_name="+"
    )
    reviewer = models.ForeignKey(User, on_delete=models.PROTECT, related_name="verdicts")
    opened_by = models.ForeignKey(  # copied from the case
        User, null=True, blank=True, on_delete=models.PROTECT, related_name="+"
    )
    needs_second = models.BooleanField(default=False)
    second = models.ForeignKey(  # who signed it, or refused to
        User, null=True, blank=True, on_delete=models.PROTECT, related_name="signed_verdicts"
    )
    second_at = models.DateTimeField(null=True, blank=True)
    second_note = models.TextField(blank=True)
    claim_token = models.PositiveIntegerField()
    evidence_version = models.PositiveIntegerField()
    status = models.CharField(max_length=16, choices=VerdictStatus, default=VerdictStatus.EFFECTIVE)
    # When it takes or took effect; None while it waits for a second signature, or never got there.
    effective_at = models.DateTimeField(null=True, blank=True)
    created_at = models.DateTimeField()

    class Meta:
        verbose_name = _("verdict")
        verbose_name_plural = _("verdicts")
        indexes = [
            models.Index(
                fields=["effective_at"], name="verdict_pending", condition=models.Q(status="pending")
            ),
            models.Index(fields=["created_at"], name="verdict_given"),
        ]
        constraints = [
            models.UniqueConstraint(fields=["case", "claim_token"], name="one_verdict_per_claim"),
            # Of verdicts that are still to take effect, a case has one at most.
            models.UniqueConstraint(
                fields=["case"],
                condition=models.Q(status__in=["pending", "awaiting_second"]),
                name="one_waiting_verdict_per_case",
            ),
            models.CheckConstraint(
                condition=models.Q(kind__in=["approve", "hold"]) | ~models.Q(reason_codes=[]),
                name="negative_verdict_has_reasons",
            ),
            models.CheckConstraint(
                condition=~models.Q(kind="request_info") | ~models.Q(requested=[]),
                name="information_request_names_what_is_asked",
            ),
            models.CheckConstraint(
                condition=~models.Q(kind="hold") | models.Q(hold_until__isnull=False), name="hold_has_an_end"
            ),
            models.CheckConstraint(
                condition=models.Q(is_final=False) | models.Q(kind="reject", needs_second=True),
                name="final_rejection_takes_two",
            ),
            models.CheckConstraint(
                condition=models.Q(second__isnull=True) | ~models.Q(second=models.F("reviewer")),
                name="second_is_not_the_first",
            ),
            models.CheckConstraint(
                condition=models.Q(opened_by__isnull=True)
                | (
                    ~models.Q(opened_by=models.F("reviewer"))
                    & (models.Q(second__isnull=True) | ~models.Q(opened_by=models.F("second")))
                ),
                name="nobody_decides_what_they_opened",
            ),
            models.CheckConstraint(
                condition=models.Q(needs_second=False)
                | models.Q(second__isnull=False)
                | ~models.Q(status__in=["pending", "effective"]),
                name="no_effect_without_second",
            ),
            models.CheckConstraint(
                condition=~models.Q(status__in=["pending", "effective"])
                | models.Q(effective_at__isnull=False),
                name="effect_has_its_moment",
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


# Django looks for tables here; their modules read the choices above.
from . import bulk_models  # noqa: E402, F401
