"""Trainings as people follow them: how far, what for, and if one came to nothing why and what to do."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from core.ids import encode
from ml.datasets import MIN_LABELS_PER_CLASS
from risk.models import ModelComparison, TrainingRun
from risk.rejection import reasons_to_reject

from .words import cause_words, step_words

Status = TrainingRun.Status
OPEN = {Status.QUEUED, Status.RUNNING}


@dataclass(frozen=True)
class RunRow:
    """One training. `message` and `advice` are "" unless it came to nothing or to less than hoped.

    candidate    public id of the model that was not good enough; "" if there is none
    """

    run: TrainingRun
    percent: int
    step: str
    state: str
    cause: str
    message: str
    advice: str
    candidate: str

    @property
    def is_open(self) -> bool:
        return self.run.status in OPEN

    @property
    def is_cancelling(self) -> bool:
        return self.is_open and self.run.cancel_requested_at is not None

    @property
    def tuning_minutes(self) -> int:
        return round(self.run.tuning_seconds / 60)


def read_run(run: TrainingRun) -> RunRow:
    return read_runs([run])[0]


def read_runs(runs: Sequence[TrainingRun]) -> list[RunRow]:
    """Return how each training goes; one query if some made models that were not good enough, else none."""
    rejections = _read_rejections(run.pk for run in runs if run.code == TrainingRun.REJECTED)
    return [_row(run, rejections.get(run.pk)) for run in runs]


@dataclass(frozen=True)
class _Rejection:
    """Why the model that a training made to be champion stays a candidate."""

    public_id: str
    number: int
    rows: int
    reasons: Sequence[str]


def _row(run: TrainingRun, rejection: _Rejection | None) -> RunRow:
    message, advice = _explained(run, rejection)
    return RunRow(
        run,
        round(100 * run.progress),
        step_words(run.step) if run.step else _("Starting"),
        "done" if run.status == Status.FINISHED else run.status,
        cause_words(run.cause),
        message,
        advice,
        rejection.public_id if rejection else "",
    )


def _read_rejections(run_ids: Iterable[int]) -> dict[int, _Rejection]:
    """Return training → why its LightGBM model stays a candidate, from what the training itself found."""
    ids = list(run_ids)
    if not ids:
        return {}
    to_baseline = "model__report__data__comparisons__baseline__reasons"
    names = (
        "model__training_id",
        "model_id",
        "model__number",
        "rows",
        "result__against",
        "reasons",
        to_baseline,
    )
    found = ModelComparison.objects.filter(
        model__training_id__in=ids, model__kind="lightgbm", status=ModelComparison.Status.FINISHED
    )
    return {
        # Newest first: the training's own comparison comes last and stays.
        row["model__training_id"]: _Rejection(
            encode("mod", row["model_id"]),
            row["model__number"],
            row["rows"],
            reasons_to_reject(row["result__against"], row["reasons"], row[to_baseline] or ()),
        )
        for row in found.order_by("-id").values(*names)
    }


# ── Words ────────────────────────────────────────────────────────────────────────────────────────
_MORE_LABELS = gettext_lazy("Review more, or wait for chargebacks and refunds, then train again.")
_AGAIN = gettext_lazy("Train again; if it fails again, the log of the training worker has the reason.")
# By code: what happened, and what to do. Any other code shows its English sentence, which names the input.
_WORDS: Mapping[str, tuple[Promise, Promise]] = {
    "one_class": (
        gettext_lazy(
            "All labels are of one kind, if not of the whole time then of its latest part; "
            "good and bad ones are needed in both."
        ),
        _MORE_LABELS,
    ),
    "too_few_labels": (
        gettext_lazy(
            "Too few labels of the rarer kind: at least %(least)s are needed, "
            "and as many in the latest part of the time."
        ),
        _MORE_LABELS,
    ),
    TrainingRun.ABANDONED: (
        gettext_lazy("The worker stopped twice before the training was done."),
        _AGAIN,
    ),
    TrainingRun.INTERNAL: (
        gettext_lazy("The training failed for a reason that was not foreseen."),
        _AGAIN,
    ),
}
_CLAUSES: Mapping[str, Promise] = {
    "worse_average_precision": gettext_lazy("its average precision is lower"),
    "unsure_average_precision": gettext_lazy("its average precision may be lower by more than the margin"),
    "worse_cost": gettext_lazy("it costs more"),
    "unsure_cost": gettext_lazy("it may cost more by more than the margin"),
    "not_comparable": gettext_lazy("the two cannot be compared"),
    "too_few_rows": gettext_lazy("too few rows are labelled since to tell the two apart"),
}


def _explained(run: TrainingRun, rejection: _Rejection | None) -> tuple[str, str]:
    """Return (what happened, what to do), both "" for a training that needs no explanation."""
    if run.status == Status.CANCELLED:
        return _("Cancelled. Nothing of it is kept."), ""
    if rejection is not None and rejection.reasons:
        advice = _("Nothing has to be done: the present model goes on. Its page shows both.")
        return _rejection_words(rejection), advice
    if run.code in _WORDS:
        sentence, what_to_do = _WORDS[run.code]
        return str(sentence) % {"least": MIN_LABELS_PER_CLASS}, str(what_to_do)
    return run.message, str(_AGAIN) if run.status == Status.FAILED else ""


def _rejection_words(rejection: _Rejection) -> str:
    codes = [code.removeprefix("baseline_") for code in rejection.reasons]
    sentence = (
        _("Version %(number)s stays a candidate: against its baseline, on %(rows)s later rows, %(clauses)s.")
        if rejection.reasons[0].startswith("baseline_")
        else _(
            "Version %(number)s stays a candidate: against the champion, on %(rows)s later rows, %(clauses)s."
        )
    )
    clauses = _(" and ").join(str(_CLAUSES.get(code, code)) for code in codes)
    return sentence % {"number": rejection.number, "rows": rejection.rows, "clauses": clauses}
