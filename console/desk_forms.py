"""What leads choose on the desk's pages; everything stands in the address."""

from datetime import time
from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from cases.models import Queue
from cases.outlooks import Staffing

_SPANS = [("1", _("24 hours")), ("7", _("7 days")), ("14", _("14 days"))]
_MOST_PEOPLE = 200


class DeskFilter(forms.Form):
    """Which queue, and how far back; what cannot be read is as if it were not there."""

    queue = forms.ChoiceField(required=False, label=_("Queue"))
    days = forms.ChoiceField(required=False, choices=_SPANS, label=_("Look back"))

    def __init__(self, data: Any, *, queues: list[Queue]) -> None:
        super().__init__(data)
        field = self.fields["queue"]
        assert isinstance(field, forms.ChoiceField)
        field.choices = [("", _("All queues")), *((queue.code, str(queue)) for queue in queues)]
        self._queues = {queue.code: queue for queue in queues}

    @property
    def chosen(self) -> tuple[Queue | None, int]:
        """The queue, None for all, and the days to look back."""
        self.is_valid()
        return self._queues.get(self.cleaned_data.get("queue", "")), int(self.cleaned_data.get("days") or 1)


class StaffingForm(forms.Form):
    """A what-if: how many people, from when to when, and how much comes in."""

    reviewers = forms.IntegerField(min_value=0, max_value=_MOST_PEOPLE, initial=6, label=_("Reviewers"))
    seniors = forms.IntegerField(min_value=0, max_value=_MOST_PEOPLE, initial=1, label=_("Senior reviewers"))
    starts = forms.TimeField(
        initial=time(9), label=_("From"), widget=forms.TimeInput(attrs={"type": "time"}, format="%H:%M")
    )
    ends = forms.TimeField(
        initial=time(18), label=_("Until"), widget=forms.TimeInput(attrs={"type": "time"}, format="%H:%M")
    )
    arrivals = forms.IntegerField(
        min_value=10,
        max_value=500,
        initial=100,
        label=_("What comes in, %"),
        help_text=_("100 is as usual, 150 half as much again."),
    )
    day = forms.ChoiceField(choices=[("0", _("Today")), ("1", _("Tomorrow"))], label=_("Look at"))

    def clean(self) -> dict[str, Any]:
        values: dict[str, Any] = super().clean() or {}
        if values.get("starts") is not None and values.get("starts") == values.get("ends"):
            self.add_error("ends", _("Nobody works from a time until the same time."))
        return values

    @property
    def staffing(self) -> Staffing:
        """The people as chosen; call it on a valid form."""
        values = self.cleaned_data
        return Staffing(values["reviewers"], values["seniors"], values["starts"], values["ends"])
