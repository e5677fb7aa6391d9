"""Forms of lists: a new one, one entry, a file of them."""

from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from risk.models import ListKind

from .rule_forms import MomentInput

_MAX_MB = 50


class ListForm(forms.Form):
    """A new list. Code and kind are given once."""

    name = forms.CharField(max_length=120, label=_("Name"))
    code = forms.RegexField(
        r"^[a-z0-9_]{1,40}$",
        label=_("Code"),
        help_text=_("What rules call it, like blocked_ips. Small letters, digits and underscores."),
    )
    kind = forms.ChoiceField(
        choices=ListKind.choices,
        label=_("What it holds"),
        help_text=_("All but texts are kept encrypted, and rules compare their fingerprints."),
    )
    description = forms.CharField(
        max_length=500, required=False, widget=forms.Textarea(attrs={"rows": 2}), label=_("Description")
    )


class EntryForm(forms.Form):
    """One value to add."""

    value = forms.CharField(
        max_length=200, label=_("Value"), widget=forms.TextInput(attrs={"autocomplete": "off"})
    )
    note = forms.CharField(max_length=200, required=False, label=pgettext_lazy("entry", "Note"))
    expires_at = forms.DateTimeField(
        required=False, widget=MomentInput, label=_("Expires"), help_text=_("In UTC. Empty: never.")
    )


class ImportForm(forms.Form):
    """A file of values."""

    file = forms.FileField(
        label=_("File"),
        widget=forms.FileInput(attrs={"accept": ".csv,.xlsx,text/csv", "data-max-mb": _MAX_MB}),
    )
    mode = forms.ChoiceField(
        choices=[
            ("add", _("Add to what is there")),
            ("replace", _("Replace everything: only the rows of the file stay")),
        ],
        initial="add",
        widget=forms.RadioSelect,
        label=_("What happens to the entries there are"),
    )
    comment = forms.CharField(
        max_length=200, required=False, label=_("Comment"), help_text=_("It stays with the version.")
    )

    def content(self) -> bytes:
        """Return the file's bytes; call it on a valid form."""
        read: Any = self.cleaned_data["file"].read()
        return bytes(read)
