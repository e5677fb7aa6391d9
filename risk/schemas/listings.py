"""The fields that rules on listings may use: the revision's own, and every model input."""

from django.utils.translation import gettext_noop as _

from risk.rules.schema import Field, FieldType, Schema

NUMBER, BOOL, TEXT = FieldType.NUMBER, FieldType.BOOL, FieldType.TEXT

OWN = (
    Field("listing.price", NUMBER, "base currency", nullable=False, description=_("Price")),
    Field("listing.currency", TEXT, nullable=False, description=_("Currency of the price")),
    Field("listing.category", TEXT, nullable=False, description=_("Category")),
    Field("listing.is_new", BOOL, nullable=False, description=_("The listing has never been live")),
    Field("listing.has_image", BOOL, nullable=False, description=_("There is an image")),
    Field("listing.banned_term", TEXT, description=_("First banned term found")),
    Field("listing.merchant_country", TEXT, description=_("Country of the merchant")),
    Field(
        "listing.merchant_trust_tier",
        NUMBER,
        "tier",
        nullable=False,
        description=_("Trust tier of the merchant"),
    ),
)

# Model inputs, in the order in which vectors are stored.
INPUTS = (
    Field(
        "required_missing_count",
        NUMBER,
        "count",
        nullable=False,
        description=_("Required fields that are empty"),
    ),
    Field("banned_term_count", NUMBER, "count", nullable=False, description=_("Banned terms found")),
    Field("price_to_median", NUMBER, "times", description=_("Price against the category’s usual price")),
    Field("price_to_live", NUMBER, "times", description=_("Price against the version before")),
    Field(
        "price_is_outlier", NUMBER, "flag", nullable=False, description=_("Price is outside the usual range")
    ),
    Field("title_similarity", NUMBER, "share", description=_("Similarity to the nearest other title")),
    Field(
        "is_near_duplicate",
        NUMBER,
        "flag",
        nullable=False,
        description=_("Title nearly equals another listing’s"),
    ),
    Field("has_image", NUMBER, "flag", nullable=False, description=_("There is an image")),
    Field(
        "image_reuse_count", NUMBER, "count", nullable=False, description=_("Other merchants with this image")
    ),
    Field("title_length", NUMBER, "count", nullable=False, description=_("Length of the title")),
    Field("description_length", NUMBER, "count", nullable=False, description=_("Length of the description")),
    Field("revision_number", NUMBER, "count", nullable=False, description=_("Version of the listing")),
    Field("merchant_age_days", NUMBER, "days", nullable=False, description=_("Age of the merchant account")),
    Field(
        "merchant_approved_count",
        NUMBER,
        "count",
        nullable=False,
        description=_("Listing versions of this merchant approved before"),
    ),
    Field(
        "merchant_rejected_count",
        NUMBER,
        "count",
        nullable=False,
        description=_("Listing versions of this merchant rejected before"),
    ),
    Field(
        "merchant_bad_count",
        NUMBER,
        "count",
        nullable=False,
        description=_("Listing versions of this merchant that proved bad"),
    ),
    Field(
        "merchant_submitted_24h_count",
        NUMBER,
        "count",
        nullable=False,
        description=_("Listing versions submitted by this merchant in 24 hours"),
    ),
)

SCHEMA = Schema("listing", (*OWN, *INPUTS))
