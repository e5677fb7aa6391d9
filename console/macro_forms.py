"""The form that writes a macro down."""

from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from accounts.models import User
from cases.choices import reasons_of
from cases.macros import NAME_LENGTH, MacroFields, kept_queues, kinds_of
from cases.macros_models import Macro
from cases.models import Queue
from cases.verdicts import NOTE_LENGTH
from console.forms import HOLDS
from risk.models import Subject


class MacroForm(forms.Form):
    """A verdict without its case. Which queue a macro is of is chosen once, when it is made."""

    name = forms.CharField(max_length=NAME_LENGTH, label=_("Name"))
    name_zh = forms.CharField(max_length=NAME_LENGTH, label=_("Chinese name"), required=False)
    queue = forms.TypedChoiceField(
        coerce=int,
        empty_value=None,
        required=False,
        label=_("For whom"),
        help_text=_("A shared macro is offered to everybody on the queue."),
    )
    kind = forms.ChoiceField(widget=forms.RadioSelect, label=_("Verdict"))
    reason_codes = forms.MultipleChoiceField(
        widget=forms.CheckboxSelectMultiple,
        label=_("Reasons"),
        required=False,
        help_text=_("A rejection and a request need one at least."),
    )
    is_final = forms.BooleanField(
        required=False,
        label=_("For good"),
        help_text=_("Only with a rejection. A second reviewer has to sign."),
    )
    hold_hours = forms.TypedChoiceField(
        coerce=int,
        empty_value=None,
        choices=HOLDS,
        initial=4,
        required=False,
        label=_("Comes back in"),
        help_text=_("Only when a case is put aside."),
    )
    message = forms.CharField(
        widget=forms.Textarea(attrs={"rows": 3}),
        label=_("Message to the merchant"),
        required=False,
        max_length=NOTE_LENGTH,
    )
    note = forms.CharField(
        widget=forms.Textarea(attrs={"rows": 3}),
        label=_("Internal note"),
        required=False,
        max_length=NOTE_LENGTH,
    )

    def __init__(
        self, *args: Any, subject: str, user: User, macro: Macro | None = None, **kwargs: Any
    ) -> None:
        super().__init__(*args, **kwargs)
        self._queues = {} if macro else {row.pk: row for row in kept_queues(user).filter(subject=subject)}
        self._set_choices("kind", [(kind.value, kind.label) for kind in kinds_of(subject)])
        self._set_choices("reason_codes", [(reason.code, reason.staff) for reason in reasons_of(subject)])
        self._set_choices("queue", [("", _("Only me")), *self._queues.items()])
        if not self._queues:
            del self.fields["queue"]
        if subject != Subject.APPLICATION:
            del self.fields["is_final"]

    @property
    def chosen_queue(self) -> Queue | None:
        """Whose it becomes; None = its author's. Read it on a valid form."""
        return self._queues.get(self.cleaned_data.get("queue"))

    def macro_fields(self) -> MacroFields:
        """Return what was written; call it on a valid form. What does not belong to the kind is left out."""
        chosen = self.cleaned_data
        return MacroFields(
            name=chosen["name"],
            name_zh=chosen["name_zh"],
            kind=chosen["kind"],
            reason_codes=tuple(chosen["reason_codes"])
            if chosen["kind"] in {"reject", "request_info"}
            else (),
            message=chosen["message"] if chosen["kind"] in {"reject", "request_info"} else "",
            note=chosen["note"],
            hold_hours=chosen["hold_hours"] if chosen["kind"] == "hold" else None,
            is_final=chosen["kind"] == "reject" and bool(chosen.get("is_final")),
        )

    def _set_choices(self, name: str, choices: list[Any]) -> None:
        field = self.fields[name]
        assert isinstance(field, forms.ChoiceField)
        field.choices = choices
