"""Forms of the quality pages: who was right, and what makes a case golden."""

from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from cases.choices import reasons_for
from cases.models import ReviewCase, VerdictKind
from cases.quality.adjudicating import NOTE_LENGTH
from cases.quality.golden import WHY_LENGTH

_KINDS = [(kind.value, kind.label) for kind in (VerdictKind.APPROVE, VerdictKind.REJECT)]


class AnswerForm(forms.Form):
    """The right verdict with its reasons."""

    kind = forms.ChoiceField(choices=_KINDS, widget=forms.RadioSelect, label=_("Right verdict"))
    reason_codes = forms.MultipleChoiceField(
        widget=forms.CheckboxSelectMultiple,
        label=_("Reasons"),
        required=False,
        help_text=_("Only with a rejection."),
    )

    def __init__(self, *args: Any, case: ReviewCase, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        field = self.fields["reason_codes"]
        assert isinstance(field, forms.ChoiceField)
        field.choices = [(reason.code, reason.staff) for reason in reasons_for(case)]


class GoldenForm(AnswerForm):
    """What makes a case golden."""

    why = forms.CharField(
        widget=forms.Textarea(attrs={"rows": 3}),
        max_length=WHY_LENGTH,
        label=_("Why it is right"),
        help_text=_("Whoever answers otherwise reads this afterwards."),
    )


class AdjudicationForm(AnswerForm):
    """Who was right of two, and what follows from it."""

    note = forms.CharField(
        widget=forms.Textarea(attrs={"rows": 3}),
        max_length=NOTE_LENGTH,
        label=_("Why it is right"),
        help_text=_("Both reviewers read this."),
    )
    undoes = forms.BooleanField(
        required=False,
        label=_("Take back the rejection"),
        help_text=_("Only with “Approve”: what an upheld appeal does. The merchant is told."),
    )

    def __init__(self, *args: Any, case: ReviewCase, can_be_undone: bool, **kwargs: Any) -> None:
        super().__init__(*args, case=case, **kwargs)
        if not can_be_undone:
            del self.fields["undoes"]
