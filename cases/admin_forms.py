"""What staff may set on queues and calendars, checked before it is saved."""

from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy as _lazy
from unfold.widgets import UnfoldAdminCheckboxSelectMultipleWidget

from accounts.languages import language_choices
from accounts.models import Role
from risk.rules.errors import ExpressionError
from risk.rules.expression import parse
from risk.schemas import schema_of

from .hours import read_hours
from .models import Calendar, Queue, VerdictKind


class QueueForm(forms.ModelForm):  # type: ignore[type-arg]
    """A queue; its condition is refused with a sentence and the place of the slip."""

    roles = forms.MultipleChoiceField(
        label=_lazy("roles"),
        choices=Role.choices,
        required=False,
        widget=UnfoldAdminCheckboxSelectMultipleWidget,
        help_text=_lazy("Whoever holds one of them and reviews cases. None: every reviewer."),
    )
    languages = forms.MultipleChoiceField(
        label=_lazy("languages"),
        choices=language_choices,
        required=False,
        widget=UnfoldAdminCheckboxSelectMultipleWidget,
        help_text=_lazy("Its reviewers read all of them. None: any reviewer."),
    )

    class Meta:
        model = Queue
        fields = (
            "code",
            "subject",
            "name_en",
            "name_zh",
            "position",
            "condition",
            "capacity",
            "is_default",
            "calendar",
            "first_touch_hours",
            "resolve_hours",
            "head_start_hours",
            "needs_senior",
            "roles",
            "languages",
            "lead",
            "second_sign_from_minor",
            "hidden_verdicts",
            "blind_share",
            "golden_share",
        )

    def clean(self) -> dict[str, Any]:
        values: dict[str, Any] = super().clean() or {}
        subject = values.get("subject") or self.instance.subject
        if (condition := values.get("condition", "")) and subject:
            try:
                parse(condition, schema_of(subject))
            except ExpressionError as error:
                self.add_error("condition", str(error))
        if values.get("is_default") and (condition or values.get("capacity") is not None):
            self.add_error("is_default", _("The default queue takes everything: no condition, no limit."))
        return values

    def clean_hidden_verdicts(self) -> list[str]:
        hidden = self.cleaned_data["hidden_verdicts"] or []
        is_list = isinstance(hidden, list) and set(hidden) <= set(VerdictKind.values)
        if not is_list or {VerdictKind.APPROVE, VerdictKind.REJECT} <= set(hidden):
            raise ValidationError(_("Name verdicts by their codes, and leave approve or reject."))
        return hidden


class CalendarForm(forms.ModelForm):  # type: ignore[type-arg]
    """A team's hours; what cannot be read is refused in words."""

    class Meta:
        model = Calendar
        fields = ("code", "time_zone", "hours", "holidays")

    def clean(self) -> dict[str, Any]:
        values: dict[str, Any] = super().clean() or {}
        if {"time_zone", "hours", "holidays"} <= values.keys():
            try:
                read_hours(values["time_zone"], values["hours"], values["holidays"] or [])
            except ValueError as error:
                raise ValidationError(str(error)) from error
        return values
