"""The listing form, the stock form and the search above the list."""

from typing import Any

from django import forms
from django.conf import settings
from django.utils.translation import gettext_lazy as _

from catalog.content import RevisionFields
from catalog.models import ListingRevision
from catalog.selectors import list_currencies
from core.money import InvalidAmount, to_minor, to_text

from .application import category_choices


class ListingForm(forms.Form):
    """A listing's content. A new one has a SKU and stock too; saving a draft requires only the category."""

    title = forms.CharField(
        label=_("Title"), max_length=200, help_text=_("Brand, product and what sets it apart.")
    )
    category = forms.ChoiceField(label=_("Category"))
    description = forms.CharField(
        label=_("Description"), max_length=10_000, widget=forms.Textarea(attrs={"rows": 7})
    )
    price = forms.CharField(
        label=_("Price"), max_length=20, widget=forms.TextInput(attrs={"inputmode": "decimal"})
    )
    currency = forms.ChoiceField(label=_("Currency"))
    sku = forms.CharField(
        label=_("SKU"),
        max_length=64,
        help_text=_("Your own article number. It cannot be changed later."),
        widget=forms.TextInput(attrs={"autocomplete": "off", "spellcheck": "false"}),
    )
    stock = forms.IntegerField(label=_("Stock"), min_value=0, initial=0)
    image = forms.FileField(label=_("Image"), required=False)

    def __init__(
        self,
        data: Any = None,
        files: Any = None,
        *,
        revision: ListingRevision | None = None,
        is_draft: bool = False,
    ) -> None:
        initial = read_content(revision) if revision else {"currency": settings.BASE_CURRENCY}
        super().__init__(data, files, initial=initial)
        self._choice("category").choices = category_choices()
        self._choice("currency").choices = [(code, code) for code in list_currencies()]
        megabytes = settings.UPLOAD_MAX_BYTES // 1024 // 1024
        self.fields["image"].widget.attrs |= {"accept": "image/jpeg,image/png", "data-max-mb": megabytes}
        if revision is not None:
            del self.fields["sku"], self.fields["stock"]
        if is_draft:
            for name in ("title", "description", "price"):
                self.fields[name].required = False

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        price, currency = cleaned.get("price"), cleaned.get("currency")
        cleaned["price_minor"] = 0
        if price and currency:
            try:
                cleaned["price_minor"] = to_minor(price.replace(",", "").strip(), currency)
            except InvalidAmount as error:
                self.add_error(
                    "price", _PRICE_PROBLEMS.get(error.code, _("Please write an amount like 12.34."))
                )
        return cleaned

    def as_fields(self) -> RevisionFields:
        values = self.cleaned_data
        return RevisionFields(
            category_code=values["category"],
            title=values["title"],
            description=values["description"],
            price_minor=values["price_minor"],
            currency=values["currency"],
            image=values["image"] or None,
        )

    def _choice(self, name: str) -> forms.ChoiceField:
        field = self.fields[name]
        assert isinstance(field, forms.ChoiceField)
        return field


class StockForm(forms.Form):
    stock = forms.IntegerField(label=_("Stock"), min_value=0)


def read_content(revision: ListingRevision) -> dict[str, Any]:
    """Return a revision's content as the form shows it."""
    price = to_text(revision.price_minor, revision.currency) if revision.price_minor else ""
    return {
        "title": revision.title,
        "category": revision.category.code,
        "description": revision.description,
        "price": price,
        "currency": revision.currency,
    }


_PRICE_PROBLEMS = {
    "too_many_decimals": _("This currency has fewer decimals."),
    "amount_too_large": _("The amount is too large."),
}
