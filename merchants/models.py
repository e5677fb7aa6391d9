"""Merchants, their applications with documents, their members and the keys that act for them."""

from django.core.validators import MinValueValidator
from django.db import models
from django.utils.translation import gettext_lazy as _

from accounts.models import APIKey, User
from core.fields import StatementField, TimeOrderedIdField, TwoTimesModel, given_with


class MerchantStatus(models.TextChoices):
    ONBOARDING = "onboarding", _("Onboarding")
    ACTIVE = "active", _("Active")
    RESTRICTED = "restricted", _("Restricted")
    SUSPENDED = "suspended", _("Suspended")
    CLOSING = "closing", _("Closing")
    TERMINATED = "terminated", _("Terminated")


class Merchant(models.Model):
    """One row is one seller account on the marketplace."""

    id = TimeOrderedIdField()
    name = models.CharField(_("name"), max_length=200)
    country = models.CharField(_("country"), max_length=2, blank=True)
    external_ref = models.CharField(max_length=64, null=True, blank=True, unique=True)
    status = models.CharField(max_length=16, choices=MerchantStatus, default=MerchantStatus.ONBOARDING)
    trust_tier = models.PositiveSmallIntegerField(_("trust tier"), default=0)
    joined_at = models.DateTimeField(_("joined"))
    # Computed above (risk, order health) and only kept here; null = not computed yet.
    account_score = models.FloatField(_("account score"), null=True, blank=True)
    account_score_at = models.DateTimeField(null=True, blank=True)
    restriction_statement = StatementField()
    suspension_statement = StatementField()
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        verbose_name = _("merchant")
        verbose_name_plural = _("merchants")
        indexes = [models.Index(fields=["status", "id"], name="merchant_by_status")]
        constraints = [
            models.CheckConstraint(
                condition=models.Q(account_score=None) | models.Q(account_score__range=(0, 1)),
                name="account_score_is_a_probability",
            ),
            *given_with(
                "restriction_statement",
                name="restricted_merchant_has_its_reasons",
                when=models.Q(status="restricted"),
            ),
            *given_with(
                "suspension_statement",
                name="suspended_merchant_has_its_reasons",
                when=models.Q(status="suspended"),
            ),
        ]

    def __str__(self) -> str:
        return self.name


class MemberRole(models.TextChoices):
    OWNER = "owner", _("Owner")
    ADMIN = "admin", _("Administrator")
    CATALOGUE = "catalogue", _("Catalogue")
    ORDERS = "orders", _("Orders")
    SUPPORT = "support", _("Support")
    FINANCE = "finance", _("Finance")
    READ_ONLY = "read_only", _("Read only")


class Membership(models.Model):
    """One row lets one user act for one merchant in one role."""

    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="memberships")
    merchant = models.ForeignKey(Merchant, on_delete=models.CASCADE, related_name="memberships")
    role = models.CharField(max_length=12, choices=MemberRole)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        verbose_name = _("member")
        verbose_name_plural = _("members")
        constraints = [
            models.UniqueConstraint(fields=["user", "merchant"], name="one_membership_per_user_and_merchant")
        ]

    def __str__(self) -> str:
        return f"{self.user_id} · {self.role}"


class KeyGrant(models.Model):
    """One row lets one API key act for one merchant."""

    api_key = models.ForeignKey(APIKey, on_delete=models.CASCADE, related_name="+")
    merchant = models.ForeignKey(Merchant, on_delete=models.CASCADE, related_name="key_grants")
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        verbose_name = _("key grant")
        verbose_name_plural = _("key grants")
        constraints = [
            models.UniqueConstraint(fields=["api_key", "merchant"], name="one_grant_per_key_and_merchant")
        ]

    def __str__(self) -> str:
        return f"{self.api_key_id} · {self.merchant_id}"


class ApplicationStatus(models.TextChoices):
    DRAFT = "draft", _("Draft")
    SUBMITTED = "submitted", _("Submitted")
    SCREENING = "screening", _("Screening")
    IN_REVIEW = "in_review", _("In review")
    INFO_REQUESTED = "info_requested", _("Information requested")
    APPROVED = "approved", _("Approved")
    REJECTED = "rejected", _("Rejected")
    WITHDRAWN = "withdrawn", _("Withdrawn")
    EXPIRED = "expired", _("Expired")


class EntityType(models.TextChoices):
    COMPANY = "company", _("Company")
    SOLE_TRADER = "sole_trader", _("Sole trader")


class MerchantApplication(TwoTimesModel):
    """One row is one attempt to become a merchant.

    Personal data is encrypted; the keys beside it are fingerprints for
    matching. `occurred_at` and `known_at` are the submission's, the draft's until then.
    """

    id = TimeOrderedIdField()
    merchant = models.ForeignKey(Merchant, on_delete=models.PROTECT, related_name="applications")
    applicant = models.ForeignKey(User, null=True, on_delete=models.SET_NULL, related_name="applications")
    external_ref = models.CharField(max_length=64, null=True, blank=True, unique=True)
    attempt = models.PositiveSmallIntegerField(default=1, validators=[MinValueValidator(1)])
    status = models.CharField(max_length=16, choices=ApplicationStatus, default=ApplicationStatus.DRAFT)
    company_name = models.CharField(_("company name"), max_length=200, blank=True)
    country = models.CharField(_("country"), max_length=2, blank=True)
    entity_type = models.CharField(
        _("entity type"), max_length=16, choices=EntityType, default=EntityType.COMPANY
    )
    category_code = models.CharField(_("main category"), max_length=40, blank=True)
    registration_number = models.CharField(_("registration number"), max_length=40, blank=True)
    is_registration_valid = models.BooleanField(null=True)  # None = not checked: no checker for that country
    registration_key = models.BigIntegerField(null=True, blank=True)
    bank_account = models.BinaryField(null=True)  # encrypted
    bank_account_key = models.BigIntegerField(null=True, blank=True)
    contact_email = models.BinaryField(null=True)  # encrypted
    contact_email_key = models.BigIntegerField(null=True, blank=True)
    contact_phone = models.BinaryField(null=True)  # encrypted
    contact_phone_key = models.BigIntegerField(null=True, blank=True)
    device_key = models.BigIntegerField(null=True, blank=True)
    ip_key = models.BigIntegerField(null=True, blank=True)
    terms_version = models.CharField(max_length=16, blank=True)
    submitted_at = models.DateTimeField(null=True, blank=True)
    decided_at = models.DateTimeField(null=True, blank=True)
    # What the merchant is asked for: [{"requirement", "code", "message"}]; why it ended as it did.
    requested_items = models.JSONField(default=list, blank=True)
    reason_codes = models.JSONField(default=list, blank=True)
    is_final = models.BooleanField(_("final"), default=False)  # rejected for good: no further attempt
    rejection_statement = StatementField()
    request_statement = StatementField()

    class Meta:
        verbose_name = _("application")
        verbose_name_plural = _("applications")
        indexes = [
            models.Index(fields=["status", "id"], name="application_by_status"),
            models.Index(fields=["bank_account_key"], name="application_by_bank"),
            models.Index(fields=["device_key"], name="application_by_device"),
            models.Index(fields=["contact_phone_key"], name="application_by_phone"),
            models.Index(fields=["registration_key"], name="application_by_registration"),
        ]
        constraints = [
            models.UniqueConstraint(
                fields=["merchant"],
                condition=models.Q(
                    status__in=["draft", "submitted", "screening", "in_review", "info_requested"]
                ),
                name="one_open_application_per_merchant",
            ),
            models.CheckConstraint(
                condition=models.Q(is_final=False) | models.Q(status="rejected"),
                name="only_a_rejection_is_final",
            ),
            *given_with(
                "rejection_statement",
                name="rejected_application_has_its_reasons",
                when=models.Q(status="rejected"),
            ),
            *given_with(
                "request_statement",
                name="returned_application_has_its_reasons",
                when=models.Q(status="info_requested"),
            ),
        ]

    def __str__(self) -> str:
        return self.company_name or str(self.pk)


class DocumentKind(models.TextChoices):
    LICENCE = "licence", _("Business licence")
    IDENTITY = "identity", _("Proof of identity")
    BANK = "bank", _("Bank statement")


class Document(models.Model):
    """One row is one uploaded file of an application; the file is private."""

    id = TimeOrderedIdField()
    application = models.ForeignKey(MerchantApplication, on_delete=models.PROTECT, related_name="documents")
    kind = models.CharField(_("kind"), max_length=12, choices=DocumentKind)
    file = models.FileField(upload_to="documents/%Y/%m/")
    content_type = models.CharField(max_length=64)
    size_bytes = models.PositiveIntegerField()
    sha256 = models.CharField(max_length=64)
    uploaded_by = models.ForeignKey(User, null=True, on_delete=models.SET_NULL, related_name="+")
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        verbose_name = _("document")
        verbose_name_plural = _("documents")
        indexes = [models.Index(fields=["sha256"], name="document_by_content")]

    def __str__(self) -> str:
        return self.get_kind_display()
