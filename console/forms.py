"""Forms of the console: verdicts and filters."""

from datetime import datetime, timedelta
from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from cases.choices import reasons_for, requestable
from cases.effects import may_be_final, possible_kinds
from cases.models import CaseStatus, ReviewCase, VerdictKind
from cases.services import NewVerdict
from cases.verdicts import NOTE_LENGTH
from console.colleagues import assignees_of
from risk.models import Effect, RuleMode, Subject

HOLDS = [
    (1, _("1 hour")),
    (4, _("4 hours")),
    (24, _("1 day")),
    (72, _("3 days")),
    (168, _("1 week")),
]


class VerdictForm(forms.Form):
    """A verdict on one case, with the claim and the evidence it was given under."""

    kind = forms.ChoiceField(widget=forms.RadioSelect, label=_("Verdict"))
    reason_codes = forms.MultipleChoiceField(
        widget=forms.CheckboxSelectMultiple, label=_("Reasons"), required=False
    )
    requested = forms.MultipleChoiceField(
        widget=forms.CheckboxSelectMultiple, label=_("What is needed"), required=False
    )
    message = forms.CharField(
        widget=forms.Textarea(attrs={"rows": 2}),
        label=_("Message to the merchant"),
        required=False,
        max_length=NOTE_LENGTH,
    )
    note = forms.CharField(
        widget=forms.Textarea(attrs={"rows": 2}),
        label=_("Internal note"),
        required=False,
        max_length=NOTE_LENGTH,
    )
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
    assignee = forms.TypedChoiceField(
        coerce=int,
        empty_value=None,
        required=False,
        widget=forms.Select(attrs={"class": "form-select"}),
        label=_("Goes to"),
        choices=[],
    )
    claim_token = forms.IntegerField(widget=forms.HiddenInput)
    evidence_version = forms.IntegerField(widget=forms.HiddenInput)

    def __init__(self, *args: Any, case: ReviewCase, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._set_choices("kind", [(kind.value, kind.label) for kind in possible_kinds(case)])
        self._set_choices("reason_codes", [(reason.code, reason.staff) for reason in reasons_for(case)])
        self._set_choices("requested", requestable(case))
        self._set_choices("assignee", assignees_of(case))
        if not may_be_final(case, VerdictKind.REJECT):
            del self.fields["is_final"]

    def new_verdict(self, *, at: datetime) -> NewVerdict:
        """Return what was chosen; call it on a valid form. What does not belong to the kind is left out."""
        chosen = self.cleaned_data
        is_hold, is_escalation = (chosen["kind"] == kind for kind in (VerdictKind.HOLD, VerdictKind.ESCALATE))
        hours = chosen.get("hold_hours") if is_hold else None
        return NewVerdict(
            kind=chosen["kind"],
            claim_token=chosen["claim_token"],
            evidence_version=chosen["evidence_version"],
            reason_codes=tuple(chosen["reason_codes"]),
            requested=tuple(chosen["requested"]),
            message=chosen["message"],
            note=chosen["note"],
            is_final=chosen["kind"] == VerdictKind.REJECT and bool(chosen.get("is_final")),
            hold_until=None if hours is None else at + timedelta(hours=hours),
            assignee_id=chosen.get("assignee") if is_escalation else None,
        )

    def _set_choices(self, name: str, choices: list[Any]) -> None:
        field = self.fields[name]
        assert isinstance(field, forms.ChoiceField)
        field.choices = choices


class CaseFilter(forms.Form):
    """Which cases a list shows; it lives in the URL."""

    q = forms.CharField(required=False, max_length=80, label=_("Title or id"))
    status = forms.ChoiceField(
        required=False, choices=[("", _("Every status")), *CaseStatus.choices], label=_("Status")
    )
    subject = forms.ChoiceField(
        required=False, choices=[("", _("Every subject")), *Subject.choices], label=_("Subject")
    )
    claimed = forms.ChoiceField(
        required=False,
        choices=[("", _("Anybody’s")), ("mine", _("Mine")), ("free", _("Nobody’s"))],
        label=_("Claimed"),
    )


class DecisionFilter(forms.Form):
    """Which decisions a list shows; it lives in the URL."""

    subject = forms.ChoiceField(
        required=False, choices=[("", _("Every subject")), *Subject.choices], label=_("Subject")
    )
    outcome = forms.ChoiceField(
        required=False,
        choices=[
            ("", _("Every outcome")),
            ("approve", _("Approved")),
            ("review", _("Sent to review")),
            ("decline", _("Declined")),
            ("degraded", _("Degraded")),
        ],
        label=_("Outcome"),
    )
    q = forms.CharField(required=False, max_length=80, label=_("Decision or subject id"))


class RuleFilter(forms.Form):
    """Which rules of a version a page shows; it lives in the URL."""

    q = forms.CharField(required=False, max_length=80, label=_("Code, name or condition"))
    mode = forms.ChoiceField(
        required=False, choices=[("", _("Every mode")), *RuleMode.choices], label=_("Mode")
    )
    effect = forms.ChoiceField(
        required=False, choices=[("", _("Every effect")), *Effect.choices], label=_("Effect")
    )
    days = forms.ChoiceField(
        required=False, choices=[("30", _("30 days")), ("7", _("7 days"))], label=_("Period")
    )
