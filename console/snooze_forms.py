"""The form that snoozes a rule for one entity."""

from datetime import datetime, timedelta
from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

_SPANS = [("1", _("1 day")), ("7", _("7 days")), ("30", _("30 days")), ("90", _("90 days"))]

ENTITY_WORDS = {
    "merchant": _("Merchant"),
    "buyer": _("Buyer"),
    "device": _("Device"),
    "card": _("Card"),
    "address": _("Address"),
    "ip": _("Network address"),
}


class SnoozeForm(forms.Form):
    """Which rule, for whom, until when, why. The decision says whose keys are meant."""

    rule_code = forms.ChoiceField(label=_("Rule"))
    entity = forms.ChoiceField(label=_("For"), widget=forms.RadioSelect)
    days = forms.ChoiceField(choices=_SPANS, initial="7", label=_("For how long"))
    reason = forms.CharField(
        max_length=200, label=_("Reason"), help_text=_("Colleagues read it beside the snooze.")
    )

    def __init__(
        self,
        data: Any = None,
        *,
        rules: list[tuple[str, str]],
        entities: list[tuple[str, Any]],
        rule_code: str = "",
    ) -> None:
        first = entities[0][0] if entities else ""
        super().__init__(data, initial={"rule_code": rule_code, "days": "7", "entity": first})
        for name, choices in (("rule_code", rules), ("entity", entities)):
            field = self.fields[name]
            assert isinstance(field, forms.ChoiceField)
            field.choices = choices

    def until(self, now: datetime) -> datetime:
        """Return the end as chosen; call it on a valid form."""
        return now + timedelta(days=int(self.cleaned_data["days"]))
