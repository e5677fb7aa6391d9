"""Words for the codes of reports, comparisons and trainings."""

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any

from django.utils import formats, timezone
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from core.countries import country_name
from core.ui.formats import number_text
from merchants.models import EntityType
from risk.models import LabelSource, ModelComparison, TrainingRun

Words = Mapping[str, str | Promise]

KINDS: Words = {
    "lightgbm": "LightGBM",
    "logistic": gettext_lazy("Logistic regression"),
    "isolation_forest": gettext_lazy("Isolation forest"),
}
_MODELS: Words = {
    "model": gettext_lazy("This model"),
    "champion": gettext_lazy("Champion"),
    "rival": gettext_lazy("Champion"),
    "baseline": gettext_lazy("Logistic baseline"),
    **KINDS,
}
CAUSES: Words = {
    TrainingRun.Cause.PERSON: gettext_lazy("on request"),
    TrainingRun.Cause.WEEKLY: gettext_lazy("weekly"),
    TrainingRun.Cause.DRIFT: gettext_lazy("after drift"),
}
STEPS: Words = {
    "reading": gettext_lazy("Reading history"),
    "selecting": gettext_lazy("Choosing the inputs"),
    "tuning": gettext_lazy("Looking for better settings"),
    "baseline": gettext_lazy("Training the baseline"),
    "anomaly": gettext_lazy("Training the isolation forest"),
    "training": gettext_lazy("Training the model"),
    "comparing": gettext_lazy("Comparing with the champion"),
    "evaluating": gettext_lazy("Judging on later time"),
    "storing": gettext_lazy("Storing what came of it"),
}
_SEGMENTS: Words = {
    "month": gettext_lazy("Month"),
    "merchant_size": gettext_lazy("Size of the merchant"),
    "country": gettext_lazy("Country"),
    "merchant_tenure": gettext_lazy("Time on the marketplace"),
    "buyer_age": gettext_lazy("Age of the buyer’s account"),
    "category": gettext_lazy("Category"),
    "entity_type": gettext_lazy("Legal form"),
}
_VALUES: Words = {
    "": gettext_lazy("not known"),
    "small": gettext_lazy("under 1 order a day"),
    "medium": gettext_lazy("1–10 orders a day"),
    "large": gettext_lazy("over 10 orders a day"),
    "under_90_days": gettext_lazy("under 90 days"),
    "under_1_year": gettext_lazy("90 days to a year"),
    "over_1_year": gettext_lazy("over a year"),
    "under_1_day": gettext_lazy("under a day"),
    "under_30_days": gettext_lazy("1–30 days"),
    "over_30_days": gettext_lazy("over 30 days"),
}
_BREACHES: Words = {
    "held_too_often": gettext_lazy("good ones held too often"),
    "predicted_too_high": gettext_lazy("risk rated too high"),
    "predicted_too_low": gettext_lazy("risk rated too low"),
}
_REASONS: Words = {
    "worse_average_precision": gettext_lazy("Its average precision is lower by more than the margin."),
    "unsure_average_precision": gettext_lazy(
        "Its average precision may be lower by more than the margin; more labels would tell."
    ),
    "worse_cost": gettext_lazy("It costs more than the margin allows."),
    "unsure_cost": gettext_lazy("It may cost more than the margin allows; more labels would tell."),
    "not_comparable": gettext_lazy("A figure of the two could not be computed."),
    "not_calibrated": gettext_lazy(
        "Its scores are ranks and no probabilities, so no threshold means anything."
    ),
    "calibration_error": gettext_lazy("Its probabilities are further from the truth than the limit allows."),
    "unfair": gettext_lazy("It treats a segment worse than the limits of fairness allow."),
    "too_few_rows": gettext_lazy("Too little has been labelled since its training to tell the two apart."),
}
_FAILURES: Words = {
    "damaged_artifact": gettext_lazy("The file of a model is damaged or gone."),
    "schema_mismatch": gettext_lazy("The inputs of a model are defined differently now; train anew."),
    "vanished_feature": gettext_lazy("A model takes inputs that are no longer computed; train anew."),
    "no_rival": gettext_lazy("There is neither a champion nor a baseline to compare with."),
    ModelComparison.ABANDONED: gettext_lazy("The worker stopped twice before it was done; start it again."),
    ModelComparison.INTERNAL: gettext_lazy(
        "It failed for a reason that was not foreseen; the worker’s log has it."
    ),
}
_CALIBRATIONS: Words = {
    "table": gettext_lazy("isotonic"),
    "sigmoid": gettext_lazy("sigmoid"),
    "none": gettext_lazy("none"),
}
_PARTS: Words = {
    "fit": gettext_lazy("Learnt from"),
    "stop": gettext_lazy("Stopped by"),
    "calibrate": gettext_lazy("Calibrated on"),
    "judged": gettext_lazy("Judged on"),
}
_RECIPE: Words = {
    "max_rounds": gettext_lazy("Trees at most"),
    "patience": gettext_lazy("Stops after rounds without gain"),
    "stop_share": gettext_lazy("Held out for stopping"),
    "calibrate_share": gettext_lazy("Held out for calibration"),
    "seeds": gettext_lazy("Seeds"),
    "optional_seeds": gettext_lazy("Further seeds tried"),
    "bad_weight": gettext_lazy("Weight of a bad row"),
}


def kind_words(kind: str) -> str:
    return str(KINDS.get(kind, kind))


def model_words(name: str) -> str:
    """Return what a model of a report is called in it."""
    return str(_MODELS.get(name, name))


def cause_words(cause: str) -> str:
    return str(CAUSES.get(cause, cause))


def step_words(step: str) -> str:
    return str(STEPS.get(step, step))


def segment_words(segment: str) -> str:
    return str(_SEGMENTS.get(segment, segment))


def value_words(segment: str, value: str, categories: Mapping[str, str]) -> str:
    """Return what a value of a segment is called.

    categories    code → name of the categories of goods
    """
    if value in _VALUES:
        return str(_VALUES[value])
    if segment == "country":
        return country_name(value)
    if segment == "entity_type" and value in EntityType.values:
        return str(EntityType(value).label)
    return categories.get(value, value) if segment == "category" else value


def in_order(rows: Iterable[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """Return the values of a segment: bands from low to high, others with most rows first."""
    bands = list(_VALUES)
    return sorted(
        rows,
        key=lambda row: (bands.index(row["value"]) or len(bands)) if row["value"] in bands else -row["rows"],
    )


def breach_words(code: str) -> str:
    return str(_BREACHES.get(code, code))


def reason_words(code: str) -> str:
    """Return why a model is not accepted, as a sentence."""
    return str(_REASONS.get(code, code))


def failure_words(code: str, message: str) -> str:
    """Return why a comparison failed; the English `message` of its row if the code says nothing here."""
    return str(_FAILURES.get(code, message))


def calibration_words(method: str) -> str:
    return str(_CALIBRATIONS.get(method, method))


def part_words(part: str) -> str:
    return str(_PARTS.get(part, part))


def source_words(source: str) -> str:
    """Return the name of a label's source."""
    return str(LabelSource(source).label) if source in LabelSource.values else source


def recipe_rows(recipe: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Return (what, value) of a recipe, the learner's own parameters under their own names."""
    rows = []
    for name, value in recipe.items():
        if name in {"kind", "parameters"} or value in (None, [], ()):
            continue
        rows.append((str(_RECIPE.get(name, name)), _recipe_value(name, value)))
    rows += [(name, _plain(value)) for name, value in sorted(recipe.get("parameters", {}).items())]
    return rows


def _recipe_value(name: str, value: Any) -> str:
    if name.endswith("_share"):
        return f"{number_text(100 * value)} %" if value else _("nothing")
    return ", ".join(map(str, value)) if isinstance(value, list | tuple) else _plain(value)


def _plain(value: Any) -> str:
    if isinstance(value, float):
        return f"{value:.4g}"
    return str(value)


def rows_words(count: int) -> str:
    """Return how many rows, in words."""
    return ngettext("%(n)s row", "%(n)s rows", count) % {"n": number_text(count)}


def day_of(at: int | str | datetime | None) -> str:
    """Return the day of a moment as reports store it: microseconds since the epoch, or ISO 8601."""
    moment = moment_of(at)
    return formats.date_format(timezone.localtime(moment), "DATE_FORMAT") if moment else "–"


def moment_of(at: int | str | datetime | None) -> datetime | None:
    if at is None or isinstance(at, datetime):
        return at
    if isinstance(at, str):
        return datetime.fromisoformat(at)
    return datetime.fromtimestamp(at / 1e6, UTC)
