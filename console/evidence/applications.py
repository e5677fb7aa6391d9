"""Evidence on a merchant application: the company, its papers, and applications that share something."""

from collections.abc import Sequence
from dataclasses import dataclass

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from catalog.selectors import find_category
from console.masking import masked_email
from core.errors import NotFound
from merchants.models import Document, MerchantApplication
from merchants.progress import assess_application
from merchants.requirements import RequirementState
from merchants.selectors import list_documents, reveal, reveal_masked

_SHOWN = 8
_SHARED: tuple[tuple[Promise, str], ...] = (
    (_("Bank account"), "bank_account_key"),
    (_("Registration number"), "registration_key"),
    (_("Phone"), "contact_phone_key"),
    (_("E-mail"), "contact_email_key"),
    (_("Device"), "device_key"),
    (_("Network"), "ip_key"),
)


@dataclass(frozen=True)
class SharedBy:
    """Other merchants' applications with the same bank account, device, …"""

    name: str | Promise
    applications: Sequence[MerchantApplication]


@dataclass(frozen=True)
class ApplicationEvidence:
    """Everything the evidence pane shows of an application; personal data is masked."""

    application: MerchantApplication
    category: str
    bank_account: str
    email: str
    phone: str
    documents: Sequence[Document]
    requirements: Sequence[RequirementState]
    shared: Sequence[SharedBy]
    earlier: Sequence[MerchantApplication]


def gather(application_id: int) -> ApplicationEvidence:
    """Return the evidence on an application; eleven queries at most."""
    application = (
        MerchantApplication.objects.select_related("merchant", "applicant").filter(pk=application_id).first()
    )
    if application is None:
        raise NotFound("No such application.")
    return ApplicationEvidence(
        application=application,
        category=_category_name(application.category_code),
        bank_account=reveal_masked(application.bank_account),
        email=masked_email(reveal(application.contact_email)),
        phone=reveal_masked(application.contact_phone),
        documents=list_documents(application),
        requirements=assess_application(application),
        shared=[SharedBy(name, _sharing(application, column)) for name, column in _SHARED],
        earlier=list(application.merchant.applications.exclude(pk=application.pk).order_by("-pk")[:_SHOWN]),
    )


def _category_name(code: str) -> str:
    """Return a category's name, its code if it is not in the catalogue."""
    category = find_category(code)
    return category.name if category else code


def _sharing(application: MerchantApplication, column: str) -> list[MerchantApplication]:
    value = getattr(application, column)
    if value is None:
        return []
    others = MerchantApplication.objects.filter(**{column: value}).exclude(merchant=application.merchant_id)
    return list(others.select_related("merchant").order_by("-pk")[:_SHOWN])
