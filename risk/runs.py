"""Runs that a worker takes: each says that it lives, hears a cancel, and outlives a killed worker.

A run is a row (`risk.models.runs`), and one worker has it at a time, by its attempt number: whoever was taken
for dead finds the number changed at its next sign of life, and writes nothing more.
"""

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Generic, TypeVar

from django.db.models import F, Q, QuerySet, Value
from django.db.models.functions import Coalesce
from django.utils import timezone

from accounts.actors import actor_of
from accounts.models import User
from core import audit, journal, outbox
from core.actors import SYSTEM
from core.errors import Conflict, DomainError
from core.outbox import TaskCall
from core.refs import Ref
from ml.errors import Cancelled, LearningError

from .models import Backtest, ModelComparison, TrainingRun
from .models.runs import Run

logger = logging.getLogger(__name__)

R = TypeVar("R", bound=Run)
T = TypeVar("T")
Clock = Callable[[], datetime]
Status = Run.Status
OPEN = (Status.QUEUED, Status.RUNNING)
RESENT_AFTER = timedelta(minutes=10)  # a queued one may only be waiting for a long training
REPORT_SECONDS = 0.5  # a page asks every two


class Superseded(Exception):
    """Another worker has this run."""


@dataclass(frozen=True)
class RunKind(Generic[R]):
    """What differs between kinds of runs.

    name               as people and programs call it: "training", "training_ended", "training.cancelled"
    task               of the queue, takes the id
    resumed            the event that sends it again
    failed             (run, code) → what the audit says of a failure: action, about what, and how
    abandoned_after    a running one that has said nothing for so long is taken for dead
    most_attempts      a run that was taken up so often and never ended fails; None: it goes on for ever
    """

    model: type[R]
    name: str
    task: str
    resumed: str
    failed: Callable[[R, str], tuple[str, Ref, dict[str, Any]]]
    abandoned_after: timedelta
    most_attempts: int | None


TRAININGS = RunKind(
    model=TrainingRun,
    name="training",
    task="risk.tasks.train.run_training",
    resumed="model.training_resumed",
    failed=lambda run, code: (
        "training.failed",
        Ref("training", run.pk),
        {"subject": run.subject, "code": code},
    ),
    abandoned_after=timedelta(minutes=10),  # reading half a million orders takes minutes, and says nothing
    most_attempts=2,  # what killed two workers would kill a third
)
COMPARISONS = RunKind(
    model=ModelComparison,
    name="comparison",
    task="risk.tasks.train.run_comparison",
    resumed="model.comparison_resumed",
    failed=lambda run, code: ("model.comparison_failed", Ref("model", run.model_id), {"code": code}),
    abandoned_after=timedelta(minutes=10),  # it reads the same rows as a training
    most_attempts=2,
)
BACKTESTS = RunKind(
    model=Backtest,
    name="backtest",
    task="risk.tasks.backtest.run_backtest",
    resumed="backtest.resumed",
    failed=lambda run, code: ("backtest.failed", Ref("backtest", run.pk), {"code": code}),
    abandoned_after=timedelta(minutes=2),  # a part and its reading take seconds
    most_attempts=None,  # every worker leaves its parts behind, and the next one has less to do
)


@dataclass(frozen=True)
class Hold(Generic[R]):
    """One worker's hold on one run; `clock` dates what it writes."""

    kind: RunKind[R]
    run: R
    clock: Clock = timezone.now

    def beat(self, **values: Any) -> None:
        """Say that the run lives, and write these columns; Cancelled or Superseded if it shall not go on."""
        alive = self._mine().filter(cancel_requested_at=None)
        if not alive.update(heartbeat_at=self.clock(), **values):
            raise self._why_over()

    def finish(self, **values: Any) -> None:
        """End the run in the caller's transaction; Cancelled or Superseded, and nothing of it stays."""
        now = self.clock()
        ended = {"status": Status.FINISHED, "step": "", "finished_at": now}
        self.beat(**{**ended, "message": "", "code": "", **values})

    def end(self, status: Status, *, message: str = "", code: str = "") -> bool:
        """End a run that does not finish, unless it went on under another worker."""
        values = {"status": status, "step": "", "message": message, "code": code, "finished_at": self.clock()}
        return bool(self._mine().update(**values))

    def cancel(self) -> None:
        if self.end(Status.CANCELLED):
            logger.info("%s_cancelled", self.kind.name, extra={"run": self.run.pk})

    def fail(self, message: str, code: str) -> None:
        with journal.unit():
            if self.end(Status.FAILED, message=message, code=code):
                action, subject, detail = self.kind.failed(self.run, code)
                audit.record(action, actor=SYSTEM, subject=subject, detail=detail)

    def _mine(self) -> QuerySet[R]:
        rows = self.kind.model._default_manager
        return rows.filter(pk=self.run.pk, status=Status.RUNNING, attempt=self.run.attempt)

    def _why_over(self) -> Exception:
        return Cancelled() if self._mine().exists() else Superseded()


@dataclass
class Reporter(Generic[R]):
    """Writes how far a run is, on columns `step` and `progress`."""

    hold: Hold[R]
    _step: str = ""
    _last: float = field(default=0.0, repr=False)

    def report(self, step: str, share: float) -> None:
        """Write the share of the whole, 0–1, twice a second at most; Cancelled or Superseded as a beat."""
        now = time.monotonic()
        if step == self._step and now - self._last < REPORT_SECONDS:
            return
        self._step, self._last = step, now
        self.hold.beat(step=step, progress=min(share, 1.0))


def work(
    kind: RunKind[R],
    run_id: int,
    do: Callable[[Hold[R]], T],
    *,
    at: datetime,
    clock: Clock = timezone.now,
) -> T | None:
    """Take a queued run and do its work; None if it is taken, was cancelled or failed, as its row says."""
    hold = _take(kind, run_id, at=at, clock=clock)
    if hold is None:
        return None
    try:
        return do(hold)
    except Cancelled:
        hold.cancel()
    except Superseded:
        logger.warning("%s_superseded", kind.name, extra={"run": run_id})
    except KeyboardInterrupt:
        hold.cancel()
        raise
    except (DomainError, LearningError) as error:
        hold.fail(str(error), error.code)
    except Exception:
        logger.exception("%s_failed", kind.name, extra={"run": run_id})
        hold.fail(f"The {kind.name} failed; the log has the reason.", Run.INTERNAL)
    return None


def resume_abandoned(kind: RunKind[R], *, at: datetime) -> int:
    """Queue again what a killed worker left behind or no worker came for; return how many.

    What was taken up too often fails, and what somebody cancelled meanwhile is cancelled.
    """
    silent_since, unsent_since = at - kind.abandoned_after, at - RESENT_AFTER
    lost = Q(status=Status.RUNNING) & (Q(heartbeat_at=None) | Q(heartbeat_at__lt=silent_since))
    # A queued run has said nothing yet: its heartbeat is the moment when its message went out last.
    unheard = Q(status=Status.QUEUED) & (
        Q(heartbeat_at__lt=unsent_since) | Q(heartbeat_at=None, created_at__lt=unsent_since)
    )
    found = 0
    for run in kind.model._default_manager.filter(lost | unheard):
        hold = Hold(kind, run)
        if run.status == Status.RUNNING and run.cancel_requested_at is not None:
            hold.cancel()
        elif run.status == Status.RUNNING and run.attempt >= (kind.most_attempts or run.attempt + 1):
            message = f"The worker stopped twice before the {kind.name} was done; please request it again."
            hold.fail(message, Run.ABANDONED)
        else:
            found += _send_again(kind, run, lost | unheard, at=at)
    return found


def cancel(kind: RunKind[R], run: R, *, by: User, at: datetime) -> None:
    """End a run that has not ended: at once if nobody has it, else at its next sign of life."""
    with journal.unit():
        row = kind.model._default_manager.select_for_update().get(pk=run.pk)
        if row.status not in OPEN:
            raise Conflict(f"This {kind.name} has ended already.", code=f"{kind.name}_ended")
        row.cancel_requested_at = at
        if row.status == Status.QUEUED:
            row.status, row.finished_at = Status.CANCELLED, at
        row.save(update_fields=["cancel_requested_at", "status", "finished_at"])
        audit.record(f"{kind.name}.cancelled", actor=actor_of(by), subject=Ref(kind.name, row.pk))
    run.refresh_from_db()


def _take(kind: RunKind[R], run_id: int, *, at: datetime, clock: Clock) -> Hold[R] | None:
    rows = kind.model._default_manager.filter(pk=run_id)
    taken = rows.filter(status=Status.QUEUED).update(
        status=Status.RUNNING,
        attempt=F("attempt") + 1,
        heartbeat_at=at,
        started_at=Coalesce("started_at", Value(at)),
    )
    return Hold(kind, rows.get(), clock) if taken else None


def _send_again(kind: RunKind[R], run: R, which: Q, *, at: datetime) -> bool:
    with journal.unit():
        still = kind.model._default_manager.filter(which, pk=run.pk)
        # Dated, so that a long queue is not flooded.
        if not still.update(status=Status.QUEUED, heartbeat_at=at, step=""):
            return False
        outbox.record(
            kind.resumed,
            subject=Ref(kind.name, run.pk),
            merchant_id=None,
            send=[TaskCall(kind.task, (run.pk,))],
        )
    return True
