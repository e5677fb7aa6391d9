"""Tables of the ground: transitions, audit, outbox, idempotency. All append-only in spirit."""

from django.db import models
from django.utils.translation import gettext_lazy as _

from .fields import TimeOrderedIdField


class JournalModel(models.Model):
    """What every journal row says: who, about what, during which request."""

    id = TimeOrderedIdField()
    actor_kind = models.CharField(max_length=16)
    actor_id = models.CharField(max_length=40, blank=True)
    subject_kind = models.CharField(max_length=24)
    subject_id = models.BigIntegerField()
    request_id = models.CharField(max_length=64, blank=True)
    created_at = models.DateTimeField()
    # Null until a sealer has put the row into a hash-chained block.
    block = models.ForeignKey(
        "core.AuditBlock", null=True, on_delete=models.PROTECT, related_name="+", db_index=False
    )

    class Meta:
        abstract = True


class TransitionRecord(JournalModel):
    """One row is one move of a state machine."""

    from_state = models.CharField(max_length=24, blank=True)
    to_state = models.CharField(max_length=24)
    action = models.CharField(max_length=40)
    reason_code = models.CharField(max_length=64, blank=True)
    comment = models.TextField(blank=True)

    class Meta:
        verbose_name = _("transition")
        verbose_name_plural = _("transitions")
        indexes = [
            models.Index(fields=["subject_id", "subject_kind", "id"], name="transition_of_subject"),
            models.Index(fields=["id"], name="transition_unsealed", condition=models.Q(block=None)),
            models.Index(
                fields=["block", "id"],
                name="transition_of_block",
                condition=models.Q(block__isnull=False),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.subject_kind}: {self.from_state or '–'} → {self.to_state}"


class AuditEntry(JournalModel):
    """One row is one write that is no state change: an upload, a setting, a promotion, an import."""

    action = models.CharField(max_length=64)
    detail = models.JSONField(default=dict)

    class Meta:
        verbose_name = _("audit entry")
        verbose_name_plural = _("audit entries")
        indexes = [
            models.Index(fields=["subject_id", "subject_kind", "id"], name="audit_of_subject"),
            models.Index(fields=["id"], name="audit_unsealed", condition=models.Q(block=None)),
            models.Index(
                fields=["block", "id"],
                name="audit_of_block",
                condition=models.Q(block__isnull=False),
            ),
        ]

    def __str__(self) -> str:
        return self.action


class AuditBlock(models.Model):
    """One row seals a run of journal rows: its hash covers them and the block before it."""

    number = models.BigIntegerField(primary_key=True)
    journal = models.CharField(max_length=16)  # which table: "transition" or "audit"
    row_count = models.PositiveIntegerField()
    previous_hash = models.CharField(max_length=64)
    hash = models.CharField(max_length=64)
    sealed_at = models.DateTimeField()
    # Of core.chain: each row's id and SHA-256, so that a break names the row; empty in the oldest blocks.
    digests = models.BinaryField(default=b"")

    class Meta:
        verbose_name = _("audit block")
        verbose_name_plural = _("audit blocks")

    def __str__(self) -> str:
        return f"#{self.number}"


class OutboxEvent(models.Model):
    """One row is one piece of news. `sequence` is null until the sequencer has numbered it."""

    id = TimeOrderedIdField()
    sequence = models.BigIntegerField(null=True, unique=True)
    type = models.CharField(max_length=64)
    subject_kind = models.CharField(max_length=24)
    subject_id = models.BigIntegerField()
    merchant_id = models.BigIntegerField(null=True)
    payload = models.JSONField(default=dict)
    request_id = models.CharField(max_length=64, blank=True)
    created_at = models.DateTimeField()

    class Meta:
        verbose_name = _("event")
        verbose_name_plural = _("events")
        indexes = [
            models.Index(fields=["id"], name="event_unsequenced", condition=models.Q(sequence=None)),
            models.Index(fields=["merchant_id", "sequence"], name="event_of_merchant"),
        ]

    def __str__(self) -> str:
        return self.type


class IdempotencyKey(models.Model):
    """One row is one finished request of a credential and the answer it got, kept for 24 hours."""

    id = TimeOrderedIdField()
    credential = models.CharField(max_length=64)
    key = models.CharField(max_length=255)
    fingerprint = models.CharField(max_length=64)
    status = models.PositiveSmallIntegerField()
    body = models.BinaryField()
    created_at = models.DateTimeField()

    class Meta:
        verbose_name = _("idempotency key")
        verbose_name_plural = _("idempotency keys")
        constraints = [
            models.UniqueConstraint(fields=["credential", "key"], name="one_answer_per_idempotency_key"),
        ]

    def __str__(self) -> str:
        return self.key


class ExchangeRate(models.Model):
    """One row is what one unit of a currency was worth in the base currency from a moment on."""

    currency = models.CharField(_("currency"), max_length=3)
    rate = models.DecimalField(_("base units per unit"), max_digits=18, decimal_places=9)
    valid_from = models.DateTimeField(_("valid from"))

    class Meta:
        verbose_name = _("exchange rate")
        verbose_name_plural = _("exchange rates")
        constraints = [
            models.UniqueConstraint(
                fields=["currency", "valid_from"], name="one_rate_per_currency_and_moment"
            ),
            models.CheckConstraint(condition=models.Q(rate__gt=0), name="exchange_rate_positive"),
        ]

    def __str__(self) -> str:
        return f"{self.currency} {self.rate}"


class Effect(models.TextChoices):
    """What a negative or restricting decision did."""

    DECLINED = "declined", _("Declined")
    HELD = "held", _("Held")
    REJECTED = "rejected", _("Rejected")
    CHANGES_REQUESTED = "changes_requested", _("Changes requested")
    INFO_REQUESTED = "info_requested", _("Information requested")
    RESTRICTED = "restricted", _("Restricted")
    SUSPENDED = "suspended", _("Suspended")
    APPEAL_DENIED = "appeal_denied", _("Appeal denied")


class Statement(models.Model):
    """One row is the statement of reasons of one negative or restricting decision, as it was given.

    It is never changed: triggers refuse it. `texts` has what the merchant
    reads, by language code; its keys are those of `core.statements.compose`.
    """

    id = TimeOrderedIdField()
    subject_kind = models.CharField(max_length=24)
    subject_id = models.BigIntegerField()
    merchant_id = models.BigIntegerField()
    effect = models.CharField(max_length=20, choices=Effect)
    is_automated = models.BooleanField(_("automated"))  # no person decided it
    reason_codes = models.JSONField()  # internal: the merchant reads their sentences
    basis = models.CharField(max_length=12)  # "law" or "contract"
    message = models.TextField(blank=True)  # the reviewer's own words to the merchant
    texts = models.JSONField()
    appeal_until = models.DateTimeField(null=True)  # null = no appeal against this one
    created_at = models.DateTimeField()

    class Meta:
        verbose_name = _("statement of reasons")
        verbose_name_plural = _("statements of reasons")
        indexes = [models.Index(fields=["subject_id", "subject_kind", "id"], name="statement_of_subject")]
        constraints = [
            models.CheckConstraint(
                condition=~models.Q(reason_codes=[]) & ~models.Q(texts={}), name="statement_says_why"
            ),
            models.CheckConstraint(
                condition=models.Q(appeal_until=None) | models.Q(appeal_until__gt=models.F("created_at")),
                name="statement_can_be_appealed_after_it_was_given",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.subject_kind}: {self.effect}"
