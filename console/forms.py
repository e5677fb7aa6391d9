"""Forms of the console: verdicts, filters, rules."""

from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from cases.choices import reasons_for, requestable
from cases.effects import possible_kinds
from cases.models import CaseStatus, ReviewCase
from cases.services import NewVerdict
from cases.verdicts import NOTE_LENGTH
from risk.models import Effect, RuleMode, Subject
from risk.rules.engine import Effect as RuleEffect
from risk.rules.engine import Mode, RuleDefinition


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
    claim_token = forms.IntegerField(widget=forms.HiddenInput)
    evidence_version = forms.IntegerField(widget=forms.HiddenInput)

    def __init__(self, *args: Any, case: ReviewCase, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._set_choices("kind", [(kind.value, kind.label) for kind in possible_kinds(case)])
        self._set_choices("reason_codes", [(reason.code, reason.staff) for reason in reasons_for(case)])
        self._set_choices("requested", requestable(case))

    def new_verdict(self) -> NewVerdict:
        """Return what was chosen; call it on a valid form."""
        chosen = self.cleaned_data
        return NewVerdict(
            kind=chosen["kind"],
            claim_token=chosen["claim_token"],
            evidence_version=chosen["evidence_version"],
            reason_codes=tuple(chosen["reason_codes"]),
            requested=tuple(chosen["requested"]),
            message=chosen["message"],
            note=chosen["note"],
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


class RuleForm(forms.Form):
    """One rule of a draft. The condition is checked by the service, which knows the fields."""

    code = forms.RegexField(
        r"^[A-Z][A-Z0-9-]{2,31}$",
        label=_("Code"),
        help_text=_("Stable, for example R-ORD-014. Capital letters, digits and hyphens."),
    )
    name = forms.CharField(max_length=160, label=_("Name"), help_text=_("What it finds, in one sentence."))
    condition = forms.CharField(
        widget=forms.Textarea(attrs={"rows": 4, "spellcheck": "false", "class": "bo-mono"}),
        label=_("Condition"),
        max_length=2_000,
        strip=False,
    )
    effect = forms.ChoiceField(
        choices=[choice for choice in Effect.choices if choice[0] in set(RuleEffect)], label=_("Effect")
    )
    points = forms.IntegerField(
        min_value=0,
        max_value=1_000,
        required=False,
        label=_("Points"),
        help_text=_("Only with the effect “Points”."),
    )
    reason_code = forms.ChoiceField(label=_("Reason"), required=False)
    mode = forms.ChoiceField(
        choices=RuleMode.choices, label=_("Mode"), help_text=_("A shadow rule is recorded and has no effect.")
    )
    tag = forms.CharField(max_length=40, required=False, label=_("Tag"))
    queue = forms.ChoiceField(required=False, label=_("Queue"))

    def __init__(
        self, *args: Any, reasons: list[tuple[str, Any]], queues: list[tuple[str, Any]], **kwargs: Any
    ) -> None:
        super().__init__(*args, **kwargs)
        for name, choices in (("reason_code", reasons), ("queue", queues)):
            field = self.fields[name]
            assert isinstance(field, forms.ChoiceField)
            field.choices = [("", "–"), *choices]

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or self.cleaned_data
        if not self.errors:
            try:
                self.definition()
            except ValueError as error:
                raise forms.ValidationError(str(error).partition(": ")[2].capitalize()) from error
        return cleaned

    def definition(self) -> RuleDefinition:
        """Return the rule; ValueError if effect, points, tag and queue do not fit together."""
        chosen = self.cleaned_data
        effect = RuleEffect(chosen["effect"])
        return RuleDefinition(
            code=chosen["code"],
            name=chosen["name"],
            condition=chosen["condition"].strip(),
            effect=effect,
            points=(chosen["points"] or 0) if effect is RuleEffect.POINTS else 0,
            reason_code=chosen["reason_code"],
            mode=Mode(chosen["mode"]),
            tag=chosen["tag"],
            queue=chosen["queue"],
        )
