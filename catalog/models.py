"""Categories with their banned terms, listings, their revisions and stock."""

from django.db import models
from django.utils.translation import get_language
from django.utils.translation import gettext_lazy as _

from accounts.models import User
from core.fields import StatementField, TimeOrderedIdField, TwoTimesModel, given_with
from merchants.models import Merchant


class Category(models.Model):
    """One row is one category of goods."""

    id = TimeOrderedIdField()
    code = models.CharField(_("code"), max_length=40, unique=True)
    parent = models.ForeignKey(
        "self", null=True, blank=True, on_delete=models.PROTECT, related_name="children"
    )
    name_en = models.CharField(_("English name"), max_length=120)
    name_zh = models.CharField(_("Chinese name"), max_length=120, blank=True)
    # The usual price in base-currency minor units, refreshed from live listings; null = too few to tell.
    median_price_minor = models.BigIntegerField(null=True, blank=True)

    class Meta:
        verbose_name = _("category")
        verbose_name_plural = _("categories")
        ordering = ["code"]

    def __str__(self) -> str:
        return self.name

    @property
    def name(self) -> str:
        """The name in the reader's language."""
        language = get_language() or ""
        return self.name_zh if language.startswith("zh") and self.name_zh else self.name_en


class BannedTerm(models.Model):
    """One row is one word or phrase that no listing of the category (null: of any) may use."""

    term = models.CharField(_("term"), max_length=80)
    category = models.ForeignKey(
        Category, null=True, blank=True, on_delete=models.CASCADE, related_name="banned_terms"
    )
    is_active = models.BooleanField(_("active"), default=True)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        verbose_name = _("banned term")
        verbose_name_plural = _("banned terms")
        constraints = [
            models.UniqueConstraint(fields=["term", "category"], name="one_banned_term_per_category"),
            models.UniqueConstraint(
                fields=["term"], condition=models.Q(category=None), name="one_banned_term_for_all_categories"
            ),
        ]

    def __str__(self) -> str:
        return self.term


class ListingStatus(models.TextChoices):
    DRAFT = "draft", _("Draft")
    LIVE = "live", _("Live")
    PAUSED = "paused", _("Paused")
    SUPPRESSED = "suppressed", _("Suppressed")
    LOCKED = "locked", _("Locked")
    ARCHIVED = "archived", _("Archived")


class Listing(models.Model):
    """One row is one offer of one merchant. Its content is the approved revision's."""

    id = TimeOrderedIdField()
    merchant = models.ForeignKey(Merchant, on_delete=models.PROTECT, related_name="listings")
    sku = models.CharField(_("SKU"), max_length=64)
    status = models.CharField(max_length=16, choices=ListingStatus, default=ListingStatus.DRAFT)
    live_revision = models.ForeignKey(
        "catalog.ListingRevision", null=True, blank=True, on_delete=models.PROTECT, related_name="+"
    )
    stock = models.PositiveIntegerField(_("stock"), default=0)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        verbose_name = _("listing")
        verbose_name_plural = _("listings")
        indexes = [models.Index(fields=["merchant", "status", "id"], name="listing_of_merchant")]
        constraints = [
            models.UniqueConstraint(fields=["merchant", "sku"], name="one_listing_per_merchant_and_sku"),
            models.CheckConstraint(
                condition=~models.Q(status="live") | models.Q(live_revision__isnull=False),
                name="live_listing_has_an_approved_revision",
            ),
        ]

    def __str__(self) -> str:
        return self.sku


class RevisionStatus(models.TextChoices):
    DRAFT = "draft", _("Draft")
    SUBMITTED = "submitted", _("Submitted")
    SCREENING = "screening", _("Screening")
    IN_REVIEW = "in_review", _("In review")
    CHANGES_REQUESTED = "changes_requested", _("Changes requested")
    APPROVED = "approved", _("Approved")
    REJECTED = "rejected", _("Rejected")
    WITHDRAWN = "withdrawn", _("Withdrawn")
    SUPERSEDED = "superseded", _("Superseded")


class ListingRevision(TwoTimesModel):
    """One row is one version of a listing's content, immutable once submitted."""

    id = TimeOrderedIdField()
    listing = models.ForeignKey(Listing, on_delete=models.PROTECT, related_name="revisions")
    number = models.PositiveIntegerField()
    status = models.CharField(max_length=20, choices=RevisionStatus, default=RevisionStatus.DRAFT)
    category = models.ForeignKey(
        Category, on_delete=models.PROTECT, related_name="+", verbose_name=_("category")
    )
    title = models.CharField(_("title"), max_length=200)
    description = models.TextField(_("description"), max_length=10_000, blank=True)
    price_minor = models.BigIntegerField()
    currency = models.CharField(max_length=3)
    base_price_minor = models.BigIntegerField()
    image = models.ImageField(_("image"), upload_to="listings/%Y/%m/", blank=True)
    image_sha256 = models.CharField(max_length=64, blank=True)
    # What the checks found: [{"code", "severity", "field", "detail"}]; reason codes of the outcome.
    issues = models.JSONField(default=list, blank=True)
    reason_codes = models.JSONField(default=list, blank=True)
    submitted_by = models.ForeignKey(User, null=True, on_delete=models.SET_NULL, related_name="+")
    submitted_at = models.DateTimeField(null=True, blank=True)
    decided_at = models.DateTimeField(null=True, blank=True)
    rejection_statement = StatementField()
    request_statement = StatementField()

    class Meta:
        verbose_name = _("listing revision")
        verbose_name_plural = _("listing revisions")
        indexes = [
            models.Index(fields=["status", "id"], name="revision_by_status"),
            models.Index(fields=["category", "known_at"], name="revision_of_category"),
            models.Index(
                fields=["image_sha256"], name="revision_by_image", condition=~models.Q(image_sha256="")
            ),
        ]
        constraints = [
            models.UniqueConstraint(fields=["listing", "number"], name="one_revision_per_number"),
            models.UniqueConstraint(
                fields=["listing"],
                condition=models.Q(
                    status__in=["draft", "submitted", "screening", "in_review", "changes_requested"]
                ),
                name="one_open_revision_per_listing",
            ),
            models.CheckConstraint(
                condition=models.Q(price_minor__gte=0), name="revision_price_not_negative"
            ),
            *given_with(
                "rejection_statement",
                name="rejected_revision_has_its_reasons",
                when=models.Q(status="rejected"),
            ),
            *given_with(
                "request_statement",
                name="returned_revision_has_its_reasons",
                when=models.Q(status="changes_requested"),
            ),
        ]

    def __str__(self) -> str:
        return self.title
