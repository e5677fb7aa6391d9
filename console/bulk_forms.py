"""The form of a bulk verdict: one verdict with its reasons for every case of a selection."""

from datetime import datetime, timedelta
from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from cases.bulk import NewBulkVerdict, bulk_kinds
from cases.choices import reasons_for, requestable
from cases.effects import may_be_final
from cases.models import Queue, ReviewCase, VerdictKind
from cases.verdicts import NOTE_LENGTH
from console.forms import HOLDS
from risk.models import Subject


class BulkForm(forms.Form):
    """One verdict; what does not belong to its kind is left out."""

    kind = forms.ChoiceField(widget=forms.RadioSelect, label=_("Verdict"))
    reason_codes = forms.MultipleChoiceField(required=False, label=_("Reasons"))
    requested = forms.MultipleChoiceField(required=False, label=_("What is needed"))
    message = forms.CharField(required=False, max_length=NOTE_LENGTH, label=_("Message to the merchant"))
    note = forms.CharField(required=False, max_length=NOTE_LENGTH, label=_("Internal note"))
    is_final = forms.BooleanField(
        required=False,
        label=_("For good"),
        help_text=_("No further attempt is possible. A second reviewer has to sign."),
    )
    hold_hours = forms.TypedChoiceField(
        coerce=int,
        empty_value=None,
        choices=HOLDS,
        initial=4,
        required=False,
        widget=forms.Select(attrs={"class": "form-select"}),
        label=_("Comes back in"),
    )

    def __init__(self, *args: Any, queue: Queue, example: ReviewCase, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._set_choices("kind", [(kind.value, kind.label) for kind in bulk_kinds(queue)])
        self._set_choices("reason_codes", [(reason.code, reason.staff) for reason in reasons_for(example)])
        can_ask = queue.subject == Subject.LISTING
        self._set_choices("requested", requestable(example) if can_ask else [])
        if not may_be_final(example, VerdictKind.REJECT):
            del self.fields["is_final"]

    def new_verdict(self, *, at: datetime) -> NewBulkVerdict:
        """Return what was chosen; call it on a valid form."""
        chosen = self.cleaned_data
        hours = chosen.get("hold_hours") if chosen["kind"] == VerdictKind.HOLD else None
        return NewBulkVerdict(
            kind=chosen["kind"],
            reason_codes=tuple(chosen["reason_codes"]),
            requested=tuple(chosen["requested"]),
            message=chosen["message"],
            note=chosen["note"],
            is_final=chosen["kind"] == VerdictKind.REJECT and bool(chosen.get("is_final")),
            hold_until=None if hours is None else at + timedelta(hours=hours),
        )

    def _set_choices(self, name: str, choices: list[Any]) -> None:
        field = self.fields[name]
        assert isinstance(field, forms.ChoiceField)
        field.choices = choices
