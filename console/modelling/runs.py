"""Trainings as people follow them: how far, what for, and if one came to nothing why and what to do."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from risk.models import TrainingRun

from .words import cause_words, step_words

Status = TrainingRun.Status
OPEN = {Status.QUEUED, Status.RUNNING}


@dataclass(frozen=True)
class RunRow:
    """One training. `message` and `advice` are "" unless it came to nothing or to less than hoped."""

    run: TrainingRun
    percent: int
    step: str
    state: str
    cause: str
    message: str
    advice: str

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
    message, advice = _explained(run)
    return RunRow(
        run,
        round(100 * run.progress),
        step_words(run.step) if run.step else _("Starting"),
        "done" if run.status == Status.FINISHED else run.status,
        cause_words(run.cause),
        message,
        advice,
    )


# ── Messages ─────────────────────────────────────────────────────────────────────────────────────
# A run keeps its reason as an English sentence, which its log and the command line show too. Here it is
# said in the reader's language; one that is not known is shown as it is.
_MORE_LABELS = gettext_lazy("Review more, or wait for chargebacks and refunds, then train again.")
_AGAIN = gettext_lazy("Train again; if it fails again, the log of the training worker has the reason.")
_MESSAGES: Sequence[tuple[re.Pattern[str], Promise, Promise]] = tuple(
    (re.compile(pattern), sentence, advice)
    for pattern, sentence, advice in (
        (
            r"Nothing can be judged on the later rows\. .*",
            gettext_lazy(
                "In the latest part of the time there are too few labels of both kinds to judge on."
            ),
            _MORE_LABELS,
        ),
        (
            r"All labels are of one class; both are needed\.",
            gettext_lazy("All labels are of one kind; good and bad ones are needed."),
            _MORE_LABELS,
        ),
        (
            r"Only (?P<count>\d+) labels of the rarer class; at least (?P<least>\d+) are needed\.",
            gettext_lazy("Only %(count)s labels of the rarer kind; at least %(least)s are needed."),
            _MORE_LABELS,
        ),
        (
            r"The worker stopped twice before the training was done; please request it again\.",
            gettext_lazy("The worker stopped twice before the training was done."),
            _AGAIN,
        ),
        (
            r"The training failed; the log has the reason\.",
            gettext_lazy("The training failed for a reason that was not foreseen."),
            _AGAIN,
        ),
    )
)
_REJECTED = re.compile(
    r"Version (?P<number>\d+) stays a candidate and nothing changes: "
    r"against (?P<rival>its baseline|the champion),"
    r" on (?P<rows>\d+) later rows, (?P<clauses>.+)\."
)
_CLAUSES: dict[str, Promise] = {
    "its average precision is lower": gettext_lazy("its average precision is lower"),
    "its average precision may be lower by more than the margin": gettext_lazy(
        "its average precision may be lower by more than the margin"
    ),
    "it costs more": gettext_lazy("it costs more"),
    "it may cost more by more than the margin": gettext_lazy("it may cost more by more than the margin"),
    "the two cannot be compared": gettext_lazy("the two cannot be compared"),
    "too few rows are labelled since to tell the two apart": gettext_lazy(
        "too few rows are labelled since to tell the two apart"
    ),
}


def _explained(run: TrainingRun) -> tuple[str, str]:
    """Return (what happened, what to do), both "" for a training that needs no explanation."""
    if run.status == Status.CANCELLED:
        return _("Cancelled. Nothing of it is kept."), ""
    if not run.message:
        return "", ""
    if rejected := _REJECTED.fullmatch(run.message):
        return _rejected(rejected), _(
            "Nothing has to be done: the present model goes on. Its page shows both."
        )
    for pattern, sentence, advice in _MESSAGES:
        if match := pattern.fullmatch(run.message):
            return str(sentence) % match.groupdict(), str(advice)
    return run.message, str(_AGAIN) if run.status == Status.FAILED else ""


def _rejected(match: re.Match[str]) -> str:
    clauses = [str(_CLAUSES.get(part, part)) for part in match["clauses"].split(" and ")]
    sentence = (
        _("Version %(number)s stays a candidate: against its baseline, on %(rows)s later rows, %(clauses)s.")
        if match["rival"] == "its baseline"
        else _(
            "Version %(number)s stays a candidate: against the champion, on %(rows)s later rows, %(clauses)s."
        )
    )
    joined = _(" and ").join(clauses)
    return sentence % {"number": match["number"], "rows": match["rows"], "clauses": joined}
