"""The steps of the application, each a form over some of its answers."""

from collections.abc import Sequence
from typing import Any

from django import forms
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from catalog.selectors import list_categories
from core.countries import country_choices
from merchants.answers import ApplicationFields
from merchants.models import EntityType, MerchantApplication
from merchants.selectors import reveal, reveal_masked


class StepForm(forms.Form):
    """One step. `only` leaves the fields that a reviewer asked for; a partial save requires nothing."""

    def __init__(
        self,
        application: MerchantApplication,
        data: Any = None,
        *,
        only: Sequence[str] | None = None,
        is_partial: bool = False,
    ) -> None:
        super().__init__(data, initial=self.read(application))
        self.application = application
        for name in list(self.fields):
            if only is not None and name not in only:
                del self.fields[name]
            elif is_partial:
                self.fields[name].required = False

    @staticmethod
    def read(application: MerchantApplication) -> dict[str, str]:
        """Return the answers so far, as the fields show them."""
        raise NotImplementedError

    @property
    def answers(self) -> dict[str, str]:
        """What to save; a field left out of the form stays as it is."""
        return {name: self.cleaned_data[name] for name in self.fields}

    def as_fields(self, **origin: str | None) -> ApplicationFields:
        return ApplicationFields(**self.answers, **origin)


class BusinessForm(StepForm):
    country = forms.ChoiceField(label=_("Country"), choices=country_choices)
    entity_type = forms.ChoiceField(
        label=_("Entity type"), choices=EntityType.choices, widget=forms.RadioSelect
    )
    company_name = forms.CharField(
        label=_("Company name"), max_length=200, help_text=_("As it stands in the register. Buyers see it.")
    )
    registration_number = forms.CharField(
        label=_("Registration number"),
        max_length=40,
        help_text=_("In China the unified social credit code, elsewhere the company or VAT number."),
        widget=forms.TextInput(attrs={"autocomplete": "off", "spellcheck": "false"}),
    )

    @staticmethod
    def read(application: MerchantApplication) -> dict[str, str]:
        return {
            "country": application.country,
            "entity_type": application.entity_type,
            "company_name": application.company_name,
            "registration_number": application.registration_number,
        }


class ContactForm(StepForm):
    category_code = forms.ChoiceField(
        label=_("Main category"), help_text=_("Most of what you sell. You can list in others too.")
    )
    contact_email = forms.CharField(
        label=_("Contact e-mail"),
        max_length=254,
        widget=forms.EmailInput(attrs={"autocomplete": "email"}),
    )
    contact_phone = forms.CharField(
        label=_("Contact phone"),
        max_length=40,
        help_text=_("With the country code, like +86 10 6552 9988."),
        widget=forms.TextInput(attrs={"type": "tel", "autocomplete": "tel"}),
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if isinstance(field := self.fields.get("category_code"), forms.ChoiceField):
            field.choices = category_choices()

    @staticmethod
    def read(application: MerchantApplication) -> dict[str, str]:
        return {
            "category_code": application.category_code,
            "contact_email": reveal(application.contact_email),
            "contact_phone": reveal(application.contact_phone),
        }


class PayoutForm(StepForm):
    bank_account = forms.CharField(
        label=_("Bank account"),
        max_length=60,
        help_text=_("An IBAN where your country has them, otherwise the account number."),
        widget=forms.TextInput(attrs={"autocomplete": "off", "spellcheck": "false"}),
    )

    def __init__(self, application: MerchantApplication, *args: Any, **kwargs: Any) -> None:
        super().__init__(application, *args, **kwargs)
        # The number itself never travels back to a browser; empty keeps it, unless it is asked for again.
        stored = reveal_masked(application.bank_account)
        if stored and kwargs.get("only") is None and (field := self.fields.get("bank_account")):
            field.required = False
            field.widget.attrs["placeholder"] = stored
            field.help_text = _("Leave it empty to keep the account that is saved.")

    @staticmethod
    def read(application: MerchantApplication) -> dict[str, str]:
        return {}

    @property
    def answers(self) -> dict[str, str]:
        return {name: value for name, value in super().answers.items() if value}


def category_choices() -> list[tuple[str, Any]]:
    """Return the categories by department, for a select; the first line chooses none."""
    groups: dict[str, list[tuple[str, str]]] = {}
    for category in list_categories():
        department = category.parent.name if category.parent else ""
        groups.setdefault(department, []).append((category.code, category.name))
    choices: list[tuple[str, Any]] = [("", _("Choose a category"))]
    for department, members in groups.items():
        choices += [(department, members)] if department else members
    return choices


FORMS: dict[str, type[StepForm]] = {"business": BusinessForm, "contact": ContactForm, "payout": PayoutForm}
STEP_LABELS: dict[str, Promise] = {
    "business": _("Business"),
    "contact": _("Category and contact"),
    "payout": _("Payout"),
    "documents": _("Documents"),
    "submit": _("Review and submit"),
}
