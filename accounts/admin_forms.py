"""Forms of people and keys."""

import ipaddress
from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _
from unfold.widgets import (
    UnfoldAdminCheckboxSelectMultipleWidget,
    UnfoldAdminSelectWidget,
    UnfoldAdminSplitDateTimeWidget,
    UnfoldAdminTextareaWidget,
    UnfoldAdminTextInputWidget,
    UnfoldBooleanSwitchWidget,
)

from .models import APIKey, Audience
from .permissions import SCOPES


class NewKeyForm(forms.ModelForm):  # type: ignore[type-arg]
    """What a key is made of; its secret is drawn by the service."""

    audience = forms.ChoiceField(
        label=_("used by"),
        choices=Audience.choices,
        widget=UnfoldAdminSelectWidget,
        help_text=_("An operator’s key acts for every merchant; a seller’s needs a grant per merchant."),
    )
    scopes = forms.MultipleChoiceField(
        label=_("scopes"),
        choices=[(scope, scope) for scope in SCOPES],
        widget=UnfoldAdminCheckboxSelectMultipleWidget,
    )
    is_test = forms.BooleanField(label=_("test key"), required=False, widget=UnfoldBooleanSwitchWidget)
    expires_at = forms.SplitDateTimeField(
        label=_("expires"), required=False, widget=UnfoldAdminSplitDateTimeWidget
    )

    class Meta:
        model = APIKey
        fields = ("name",)
        widgets = {"name": UnfoldAdminTextInputWidget}


class KeyForm(forms.ModelForm):  # type: ignore[type-arg]
    """What may change while a key lives."""

    allowed_networks = forms.CharField(
        label=_("allowed networks"),
        required=False,
        widget=UnfoldAdminTextareaWidget,
        help_text=_("One network per line, like 192.0.2.0/24. Empty: any address."),
    )

    class Meta:
        model = APIKey
        fields = ("name", "allowed_networks")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.initial["allowed_networks"] = "\n".join(self.instance.allowed_networks)

    def clean_allowed_networks(self) -> list[str]:
        lines = [line.strip() for line in self.cleaned_data["allowed_networks"].splitlines()]
        return [_network(line) for line in lines if line]


def _network(text: str) -> str:
    try:
        return str(ipaddress.ip_network(text))
    except ValueError:
        raise forms.ValidationError(
            _("“%(text)s” is not a network."), code="invalid_network", params={"text": text}
        ) from None
