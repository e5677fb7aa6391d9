"""Forms of people and keys."""

import ipaddress
import zoneinfo
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

from .languages import language_choices
from .models import APIKey, Audience, User
from .permissions import REVIEW_SCOPES, SCOPES, Permission, has_permission


class UserForm(forms.ModelForm):  # type: ignore[type-arg]
    """A person; which languages they read decides which queues are open to them."""

    languages = forms.MultipleChoiceField(
        label=_("reads"),
        choices=language_choices,
        required=False,
        widget=UnfoldAdminCheckboxSelectMultipleWidget,
        help_text=_("A queue in other languages is not open to this person."),
    )

    class Meta:
        model = User
        fields = (
            "email",
            "name",
            "language",
            "languages",
            "time_zone",
            "is_active",
            "is_staff",
            "is_superuser",
        )

    def clean_time_zone(self) -> str:
        name: str = self.cleaned_data["time_zone"] or User._meta.get_field("time_zone").get_default()
        if name not in zoneinfo.available_timezones():
            raise forms.ValidationError(_("There is no such time zone."), code="invalid_time_zone")
        return name


class NewKeyForm(forms.ModelForm):  # type: ignore[type-arg]
    """What a key is made of; its secret is drawn by the service."""

    audience = forms.ChoiceField(
        label=_("used by"),
        choices=Audience.choices,
        widget=UnfoldAdminSelectWidget,
        help_text=_(
            "An operator’s key acts for every merchant; a seller’s needs a grant per merchant. A reviewer’s"
            " reviews cases in your own name."
        ),
    )
    scopes = forms.MultipleChoiceField(
        label=_("scopes"),
        choices=[(scope, scope) for scope in (*SCOPES, *REVIEW_SCOPES)],
        widget=UnfoldAdminCheckboxSelectMultipleWidget,
    )
    is_test = forms.BooleanField(label=_("test key"), required=False, widget=UnfoldBooleanSwitchWidget)
    expires_at = forms.SplitDateTimeField(
        label=_("expires"), required=False, widget=UnfoldAdminSplitDateTimeWidget
    )

    # Who makes it; set by the page.
    maker: User

    class Meta:
        model = APIKey
        fields = ("name",)
        widgets = {"name": UnfoldAdminTextInputWidget}

    def clean(self) -> dict[str, Any]:
        given: dict[str, Any] = super().clean() or self.cleaned_data
        is_reviewers = given.get("audience") == Audience.REVIEWER
        if not set(given.get("scopes", ())) <= set(REVIEW_SCOPES if is_reviewers else SCOPES):
            self.add_error(
                "scopes", _("A reviewer’s key has the scopes of cases, and no other key has them.")
            )
        if is_reviewers and not has_permission(self.maker, Permission.REVIEW_CASES):
            self.add_error("audience", _("You do not review cases."))
        return given


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
