"""What somebody wants to hear of, and how."""

import zoneinfo
from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from cases.breaks import CHOICES as BREAKS
from delivery.models import Channel, NoticeKind


class NoticeForm(forms.Form):
    """One choice per kind of news, then the hour of the daily mail in one's own time zone."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for kind in NoticeKind:
            self.fields[kind.value] = forms.ChoiceField(
                label=kind.label, choices=Channel.choices, widget=forms.Select(attrs=_SELECT)
            )
        self.fields["break_minutes"] = forms.TypedChoiceField(
            label=_("Suggest a break after"),
            coerce=int,
            choices=[(n, _("%(n)s minutes of work") % {"n": n} if n else _("Never")) for n in BREAKS],
            widget=forms.Select(attrs=_SELECT),
            help_text=_("Ten minutes without a verdict count as a pause."),
        )
        self.fields["hour"] = forms.TypedChoiceField(
            label=_("Hour of the daily mail"),
            coerce=int,
            choices=[(hour, f"{hour:02}:00") for hour in range(24)],
            widget=forms.Select(attrs=_SELECT),
            help_text=_("It leaves only when something is unread."),
        )
        zones = sorted(zoneinfo.available_timezones())
        self.fields["time_zone"] = forms.ChoiceField(
            label=_("Time zone"),
            choices=[(zone, zone.replace("_", " ")) for zone in zones],
            widget=forms.Select(attrs=_SELECT),
        )

    def news(self) -> list[forms.BoundField]:
        """Return the fields of the kinds of news."""
        return [self[kind.value] for kind in NoticeKind]

    def channels(self) -> dict[str, str]:
        """Return the channel per kind; call it on a valid form."""
        return {kind.value: self.cleaned_data[kind.value] for kind in NoticeKind}


_SELECT = {"class": "form-select"}
