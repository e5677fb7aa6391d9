"""The form that asks for a backtest: what, over which time, and what things cost."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from django import forms
from django.conf import settings
from django.utils.translation import gettext_lazy as _

from core.ids import encode
from core.money import exponent
from risk.backtest.costs import Costs
from risk.models import Backtest, RuleSet

from .rule_forms import MomentInput

CUSTOM = "custom"
_PERIODS = [("7", _("The last 7 days")), ("30", _("The last 30 days")), ("90", _("The last 90 days"))]
_DEFAULTS = Costs()
_SHARES = ("loss_share", "margin_share", "held_lost_share", "review_catch_share")
# Form field → field of Costs, an amount in whole units of the base currency.
_AMOUNTS = {
    "chargeback_fee": "chargeback_fee_minor",
    "goodwill": "goodwill_minor",
    "review_hour_cost": "review_hour_cost_minor",
}
_THRESHOLDS = ("review_at", "decline_at", "points_review_at", "points_decline_at")


class BacktestForm(forms.Form):
    """A backtest to be. Shares and scores are asked for as 0–100, amounts in the base currency."""

    ruleset = forms.ChoiceField(label=_("Version"))
    kind = forms.ChoiceField(
        choices=[
            (Backtest.Kind.RULESET, _("The whole version")),
            (Backtest.Kind.RULE, _("One of its rules, added to what is live")),
            (Backtest.Kind.THRESHOLDS, _("Its rules under other thresholds")),
        ],
        label=_("What of it"),
        help_text=_("Only a backtest of the whole version opens the way to its approval."),
    )
    rule_code = forms.CharField(required=False, max_length=32, label=_("Code of the rule"))
    review_at = forms.FloatField(required=False, min_value=0, max_value=100, label=_("Review from score"))
    decline_at = forms.FloatField(required=False, min_value=0, max_value=100, label=_("Decline from score"))
    points_review_at = forms.IntegerField(required=False, min_value=1, label=_("Review from points"))
    points_decline_at = forms.IntegerField(required=False, min_value=1, label=_("Decline from points"))
    period = forms.ChoiceField(
        choices=[*_PERIODS, (CUSTOM, _("From a day to a day"))], widget=forms.RadioSelect, label=_("Period")
    )
    since = forms.DateTimeField(required=False, widget=MomentInput, label=_("From"))
    until = forms.DateTimeField(required=False, widget=MomentInput, label=_("To"))
    loss_share = forms.FloatField(
        min_value=0,
        max_value=100,
        label=_("Lost of a bad order’s amount"),
        help_text=_("Goods and money: usually all."),
    )
    chargeback_fee = forms.FloatField(min_value=0, label=_("Fee for each chargeback"))
    margin_share = forms.FloatField(
        min_value=0, max_value=100, label=_("Margin"), help_text=_("Lost with a good order that is declined.")
    )
    goodwill = forms.FloatField(
        min_value=0, label=_("Goodwill"), help_text=_("What declining a good buyer costs beyond the order.")
    )
    held_lost_share = forms.FloatField(
        min_value=0, max_value=100, label=_("Good orders that give up while they wait")
    )
    review_catch_share = forms.FloatField(min_value=0, max_value=100, label=_("Bad ones a reviewer finds"))
    review_minutes = forms.FloatField(min_value=0.1, label=_("Time for a review"))
    review_hour_cost = forms.FloatField(min_value=0, label=_("An hour of a reviewer"))
    reviewer_hours_per_day = forms.FloatField(
        required=False, min_value=0, label=_("Reviewers’ hours there are"), help_text=_("Empty: no limit.")
    )

    def __init__(self, data: Any = None, *, versions: Sequence[RuleSet], ruleset: str = "") -> None:
        super().__init__(data, initial=_initial(versions, ruleset))
        field = self.fields["ruleset"]
        assert isinstance(field, forms.ChoiceField)
        field.choices = [
            (encode("rst", one.pk), f"{one.get_subject_display()} · {one} · {one.get_status_display()}")
            for one in versions
        ]

    def clean(self) -> dict[str, Any]:
        chosen = super().clean() or self.cleaned_data
        if chosen.get("period") == CUSTOM:
            for name in ("since", "until"):
                if name not in self.errors and not chosen.get(name):
                    self.add_error(name, _("Choose a day."))
            if chosen.get("since") and chosen.get("until") and chosen["since"] >= chosen["until"]:
                self.add_error("until", _("The period ends after it begins."))
        if chosen.get("kind") == Backtest.Kind.RULE and not chosen.get("rule_code"):
            self.add_error("rule_code", _("Name the rule."))
        if chosen.get("kind") == Backtest.Kind.THRESHOLDS and not _thresholds(chosen):
            self.add_error("review_at", _("Give at least one other threshold."))
        return chosen

    def period_at(self, now: datetime) -> tuple[datetime, datetime]:
        """Return (since, until) as chosen; call it on a valid form."""
        chosen = self.cleaned_data
        if chosen["period"] == CUSTOM:
            return chosen["since"], chosen["until"]
        return now - timedelta(days=int(chosen["period"])), now

    def thresholds(self) -> dict[str, Any] | None:
        """Return the thresholds to try, in the units of the policy; None for another kind."""
        return (
            _thresholds(self.cleaned_data) if self.cleaned_data["kind"] == Backtest.Kind.THRESHOLDS else None
        )

    def costs(self) -> dict[str, Any]:
        """Return what was stated, as `Costs` has it."""
        chosen, unit = self.cleaned_data, 10 ** exponent(settings.BASE_CURRENCY)
        return {
            **{name: chosen[name] / 100 for name in _SHARES},
            **{target: round(chosen[name] * unit) for name, target in _AMOUNTS.items()},
            "review_minutes": chosen["review_minutes"],
            "reviewer_hours_per_day": chosen["reviewer_hours_per_day"],
        }


def cost_rows(assumptions: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Return the assumptions of a result as (label, text), in the form's words and units."""
    unit, currency = 10 ** exponent(settings.BASE_CURRENCY), settings.BASE_CURRENCY
    labels = BacktestForm.base_fields
    rows = [(str(labels[name].label), f"{100 * assumptions[name]:g} %") for name in _SHARES]
    rows += [
        (str(labels[name].label), f"{assumptions[stored] / unit:g} {currency}")
        for name, stored in _AMOUNTS.items()
    ]
    hours = assumptions["reviewer_hours_per_day"]
    rows.append((str(labels["review_minutes"].label), f"{assumptions['review_minutes']:g} min"))
    rows.append((str(labels["reviewer_hours_per_day"].label), "–" if hours is None else f"{hours:g}"))
    return rows


def _initial(versions: Sequence[RuleSet], ruleset: str) -> dict[str, Any]:
    unit = 10 ** exponent(settings.BASE_CURRENCY)
    return {
        "ruleset": ruleset or (encode("rst", versions[0].pk) if versions else ""),
        "kind": Backtest.Kind.RULESET,
        "period": "30",
        **{name: round(100 * getattr(_DEFAULTS, name), 6) for name in _SHARES},
        **{name: getattr(_DEFAULTS, stored) / unit for name, stored in _AMOUNTS.items()},
        "review_minutes": _DEFAULTS.review_minutes,
    }


def _thresholds(chosen: Mapping[str, Any]) -> dict[str, Any]:
    stated = {name: chosen[name] for name in _THRESHOLDS if chosen.get(name) is not None}
    return {name: value if name.startswith("points") else value / 100 for name, value in stated.items()}
