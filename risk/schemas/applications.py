"""The fields that rules on merchant applications may use: the application's own, and every model input."""

from django.utils.translation import gettext_noop as _

from risk.rules.schema import Field, FieldType, Schema

NUMBER, BOOL, TEXT = FieldType.NUMBER, FieldType.BOOL, FieldType.TEXT

OWN = (
    Field("application.attempt", NUMBER, "count", nullable=False, description=_("Attempt, counted from 1")),
    Field("application.country", TEXT, nullable=False, description=_("Country of the applicant")),
    Field("application.entity_type", TEXT, nullable=False, description=_("Entity type")),
    Field("application.category", TEXT, description=_("Main category")),
    Field(
        "application.registration_is_valid",
        BOOL,
        description=_("The registration number passes its check; missing where there is no check"),
    ),
    Field(
        "application.registration_is_terminated",
        BOOL,
        nullable=False,
        description=_("A merchant with this registration number was terminated"),
    ),
    Field("application.email_domain", TEXT, description=_("Domain of the contact e-mail")),
    Field(
        "application.email_is_disposable",
        BOOL,
        description=_("The contact e-mail is from a throw-away provider"),
    ),
)

# Model inputs, in the order in which vectors are stored. "Other" is another merchant's submitted application;
# bad is one rejected, or labelled bad, before this one was judged.
INPUTS = (
    Field("attempt", NUMBER, "count", nullable=False, description=_("Attempt, counted from 1")),
    Field("registration_is_valid", NUMBER, "flag", description=_("Registration number passes its check")),
    Field("document_count", NUMBER, "count", nullable=False, description=_("Documents uploaded")),
    Field(
        "document_reuse_count",
        NUMBER,
        "count",
        nullable=False,
        description=_("Other applications with one of these documents"),
    ),
    Field(
        "bank_account_others_count",
        NUMBER,
        "count",
        description=_("Other applications with this bank account"),
    ),
    Field(
        "bank_account_bad_count", NUMBER, "count", description=_("Bad applications with this bank account")
    ),
    Field("device_others_count", NUMBER, "count", description=_("Other applications from this device")),
    Field("device_bad_count", NUMBER, "count", description=_("Bad applications from this device")),
    Field("phone_others_count", NUMBER, "count", description=_("Other applications with this phone number")),
    Field("phone_bad_count", NUMBER, "count", description=_("Bad applications with this phone number")),
    Field(
        "registration_others_count",
        NUMBER,
        "count",
        description=_("Other applications with this registration number"),
    ),
    Field(
        "registration_bad_count",
        NUMBER,
        "count",
        description=_("Bad applications with this registration number"),
    ),
    Field(
        "shared_kinds_count",
        NUMBER,
        "count",
        nullable=False,
        description=_("Kinds of details shared with others"),
    ),
    # Over bank account, device, phone and registration number; `facts.application_links` has the bounds.
    Field(
        "linked_component_size",
        NUMBER,
        "count",
        nullable=False,
        description=_("Applications linked within two steps, this one included"),
    ),
    Field(
        "linked_bad_within_two_count",
        NUMBER,
        "count",
        nullable=False,
        description=_("Bad applications linked within two steps"),
    ),
    Field(
        "email_is_disposable", NUMBER, "flag", description=_("Contact e-mail is from a throw-away provider")
    ),
    Field("is_sole_trader", NUMBER, "flag", nullable=False, description=_("Applicant is a sole trader")),
    Field("bank_country_differs", NUMBER, "flag", description=_("Bank account is in another country")),
    Field("phone_country_differs", NUMBER, "flag", description=_("Phone number is of another country")),
    Field(
        "company_name_length", NUMBER, "count", nullable=False, description=_("Length of the company name")
    ),
    Field("hours_since_signup", NUMBER, "hours", description=_("Hours from sign-up to submission")),
    Field("submitted_hour", NUMBER, "hour_of_day", nullable=False, description=_("Hour of submission (UTC)")),
)

SCHEMA = Schema("application", (*OWN, *INPUTS))
