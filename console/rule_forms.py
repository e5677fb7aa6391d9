"""Forms of rulesets: one rule, the policy, the approval."""

from typing import Any

from django import forms
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from risk.models import Effect, RuleMode
from risk.policy import Thresholds
from risk.rules.engine import Effect as RuleEffect
from risk.rules.engine import Mode, RuleDefinition
from risk.rulesets import Policy

Choices = list[tuple[str, Any]]


class MomentInput(forms.DateTimeInput):
    """The browser's own picker of a moment; the console's clock is UTC."""

    input_type = "datetime-local"

    def __init__(self) -> None:
        super().__init__(format="%Y-%m-%dT%H:%M")


class RuleForm(forms.Form):
    """One rule of a draft. The condition is checked by the service, which knows the fields."""

    code = forms.RegexField(
        r"^[A-Z][A-Z0-9-]{2,31}$",
        label=_("Code"),
        help_text=_("Stable, for example R-ORD-014. Capital letters, digits and hyphens."),
    )
    name = forms.CharField(max_length=160, label=_("Name"), help_text=_("What it finds, in one sentence."))
    group = forms.CharField(
        max_length=40,
        required=False,
        label=_("Group"),
        help_text=_("Rules of one group stand together."),
        widget=forms.TextInput(attrs={"list": "groups", "autocomplete": "off"}),
    )
    condition = forms.CharField(
        widget=forms.Textarea(attrs={"rows": 4, "spellcheck": "false", "autocapitalize": "off"}),
        label=_("Condition"),
        max_length=4_000,
        strip=False,
    )
    effect = forms.ChoiceField(choices=Effect.choices, label=_("Effect"))
    points = forms.IntegerField(min_value=0, max_value=1_000, required=False, label=_("Points"))
    reason_code = forms.ChoiceField(label=_("Reason"), required=False)
    tag = forms.CharField(max_length=40, required=False, label=_("Tag"))
    queue = forms.ChoiceField(required=False, label=_("Queue"))
    mode = forms.ChoiceField(
        choices=RuleMode.choices, label=_("Mode"), help_text=_("A shadow rule is recorded and has no effect.")
    )
    starts_at = forms.DateTimeField(
        required=False, label=_("Starts"), widget=MomentInput, help_text=_("In UTC. Empty: at once.")
    )
    ends_at = forms.DateTimeField(
        required=False, label=_("Ends"), widget=MomentInput, help_text=_("In UTC. Empty: never.")
    )
    rollout_percent = forms.IntegerField(
        min_value=0,
        max_value=100,
        initial=100,
        label=_("Share of subjects"),
        help_text=_("The same subject is always on the same side."),
    )

    def __init__(self, *args: Any, reasons: Choices, queues: Choices, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for name, choices in (("reason_code", reasons), ("queue", queues)):
            field = self.fields[name]
            assert isinstance(field, forms.ChoiceField)
            field.choices = [("", "–"), *choices]

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or self.cleaned_data
        starts_at, ends_at = cleaned.get("starts_at"), cleaned.get("ends_at")
        if starts_at and ends_at and ends_at <= starts_at:
            self.add_error("ends_at", _("A rule ends after it starts."))
        for name, text in self._lacking(cleaned):
            self.add_error(name, text)
        return cleaned

    def definition(self) -> RuleDefinition:
        """Return the rule; call it on a valid form."""
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
            group=chosen["group"].strip(),
            starts_at=chosen["starts_at"],
            ends_at=chosen["ends_at"],
            rollout_percent=chosen["rollout_percent"],
        )

    def _lacking(self, chosen: dict[str, Any]) -> list[tuple[str, str]]:
        """Return what the effect needs and does not have, beside the field that lacks it."""
        effect = chosen.get("effect")
        lacking: list[tuple[str, str]] = []
        if effect == Effect.POINTS and "points" in chosen and not chosen["points"]:
            lacking.append(("points", gettext("Give it points above zero, or another effect.")))
        if effect in _JUDGING and not chosen.get("reason_code"):
            lacking.append(("reason_code", gettext("Choose a reason: people read it when the rule matches.")))
        if effect == Effect.TAG and not chosen.get("tag"):
            lacking.append(("tag", gettext("Name the tag.")))
        if effect == Effect.ROUTE and not chosen.get("queue"):
            lacking.append(("queue", gettext("Choose the queue.")))
        return lacking


_JUDGING = {Effect.DECLINE, Effect.REVIEW, Effect.POINTS, Effect.APPROVE}


class PolicyForm(forms.Form):
    """Where score and points begin to mean review and decline. Scores are as people see them: 0–100."""

    review_at = forms.FloatField(min_value=0, max_value=100, label=_("Review from score"))
    decline_at = forms.FloatField(min_value=0, max_value=100, label=_("Decline from score"))
    may_decline_on_score = forms.BooleanField(
        required=False,
        label=_("The score may decline"),
        help_text=_("Off: score and points review at most; only a rule that declines can decline."),
    )
    points_review_at = forms.IntegerField(min_value=1, max_value=10_000, label=_("Review from points"))
    points_decline_at = forms.IntegerField(min_value=1, max_value=10_000, label=_("Decline from points"))
    review_share = forms.FloatField(
        min_value=0,
        max_value=100,
        label=_("Approvals reviewed at random"),
        help_text=_("Reviewed blind. They show what rules and score do not see."),
    )
    holds_per_hour = forms.IntegerField(
        min_value=1,
        max_value=1_000_000,
        label=_("Holds of one rule in an hour"),
        help_text=_("A rule that holds or declines more is taken out of effect by itself."),
    )

    @classmethod
    def of(cls, policy: Policy, data: Any = None) -> "PolicyForm":
        """Return the form filled with a policy."""
        thresholds = policy.thresholds
        return cls(
            data,
            initial={
                "review_at": _points_of(thresholds.review_at),
                "decline_at": _points_of(thresholds.decline_at),
                "may_decline_on_score": thresholds.may_decline_on_score,
                "points_review_at": thresholds.points_review_at,
                "points_decline_at": thresholds.points_decline_at,
                "review_share": _points_of(policy.review_share),
                "holds_per_hour": policy.holds_per_hour,
            },
        )

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or self.cleaned_data
        for low, high in (("review_at", "decline_at"), ("points_review_at", "points_decline_at")):
            if low in cleaned and high in cleaned and cleaned[low] >= cleaned[high]:
                self.add_error(high, _("Decline begins above review."))
        return cleaned

    def policy(self) -> Policy:
        """Return the policy; call it on a valid form."""
        chosen = self.cleaned_data
        return Policy(
            Thresholds(
                review_at=chosen["review_at"] / 100,
                decline_at=chosen["decline_at"] / 100,
                points_review_at=chosen["points_review_at"],
                points_decline_at=chosen["points_decline_at"],
                may_decline_on_score=chosen["may_decline_on_score"],
            ),
            review_share=chosen["review_share"] / 100,
            holds_per_hour=chosen["holds_per_hour"],
        )


def _points_of(share: float) -> float:
    """Return a share 0–1 as 0–100 without the noise of doubles.

    >>> _points_of(0.07)
    7.0
    """
    return round(100 * share, 6)


class ScheduleForm(forms.Form):
    """When an approved version goes live."""

    starts_at = forms.DateTimeField(
        required=False,
        widget=MomentInput,
        label=_("At a moment"),
        help_text=_("In UTC. Empty: as soon as you approve."),
    )
