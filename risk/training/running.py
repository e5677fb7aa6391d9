"""Run a queued training: it says that it lives, hears a cancel, and outlives a killed worker.

One worker has a run at a time, by its attempt number: whoever was taken for dead finds the number changed at
its next sign of life, and writes nothing more. What it tuned until then is stored trial by trial and goes on.
"""

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from django.db.models import F, Q, QuerySet
from django.utils import timezone

from core import audit, journal
from core.actors import SYSTEM
from core.outbox import TaskCall
from core.outbox import record as record_event
from core.refs import Ref
from ml.errors import Cancelled, LearningError
from risk.models import ModelVersion, TrainingRun
from risk.services.trainings import TASK

from .making import Options, make_versions

logger = logging.getLogger(__name__)

Status = TrainingRun.Status
Progress = Callable[[str, float], None]  # (step, share of the whole run)

ABANDONED_AFTER = timedelta(minutes=10)  # reading half a million orders takes minutes, and says nothing
RESENT_AFTER = timedelta(minutes=10)  # a queued one may only be waiting for another training
MAX_ATTEMPTS = 2  # what killed two workers would kill a third
_REPORT_SECONDS = 0.5


class _Superseded(Exception):
    """Another worker has this run."""


def run(
    run_id: int, *, at: datetime, options: Options | None = None, progress: Progress | None = None
) -> ModelVersion | None:
    """Run a queued training once; None if it is taken, cancelled or failed, with the reason on its row.

    Returns its LightGBM model, in shadow or, if that is worse than what there is, as a candidate.
    """
    taken = TrainingRun.objects.filter(pk=run_id, status=Status.QUEUED).update(
        status=Status.RUNNING, attempt=F("attempt") + 1, heartbeat_at=at
    )
    if not taken:
        return None
    TrainingRun.objects.filter(pk=run_id, started_at=None).update(started_at=at)
    training_run = TrainingRun.objects.get(pk=run_id)
    life = _Life(training_run, progress)
    try:
        return make_versions(training_run, life, options or Options())
    except Cancelled:
        life.end_cancelled()
    except _Superseded:
        logger.warning("training_superseded", extra={"run": run_id})
    except KeyboardInterrupt:
        life.end_cancelled()
        raise
    except LearningError as error:
        _fail(training_run, str(error), error.code)
    except Exception:
        logger.exception("training_failed", extra={"run": run_id})
        _fail(training_run, "The training failed; the log has the reason.", TrainingRun.INTERNAL)
    return None


def resume_abandoned(*, at: datetime) -> int:
    """Queue again what a killed worker left behind or no worker came for; return how many.

    A run that was taken up MAX_ATTEMPTS times fails, one that somebody cancelled meanwhile is cancelled.
    """
    lost = Q(status=Status.RUNNING) & (Q(heartbeat_at=None) | Q(heartbeat_at__lt=at - ABANDONED_AFTER))
    unheard = Q(status=Status.QUEUED, heartbeat_at__lt=at - RESENT_AFTER) | Q(
        status=Status.QUEUED, heartbeat_at=None, created_at__lt=at - RESENT_AFTER
    )
    found = 0
    for training_run in TrainingRun.objects.filter(lost | unheard):
        if training_run.status == Status.RUNNING and training_run.cancel_requested_at is not None:
            _end(training_run, Status.CANCELLED)
        elif training_run.status == Status.RUNNING and training_run.attempt >= MAX_ATTEMPTS:
            message = "The worker stopped twice before the training was done; please request it again."
            _fail(training_run, message, TrainingRun.ABANDONED)
        else:
            found += _send_again(training_run.pk, lost | unheard, at=at)
    return found


def _send_again(run_id: int, which: Q, *, at: datetime) -> bool:
    with journal.unit():
        # The moment also says when the message went out last, so that a long queue is not flooded.
        still = TrainingRun.objects.filter(which, pk=run_id)
        if not still.update(status=Status.QUEUED, heartbeat_at=at, step=""):
            return False
        record_event(
            "model.training_resumed",
            subject=Ref("training", run_id),
            merchant_id=None,
            send=[TaskCall(TASK, (run_id,))],
        )
    return True


@dataclass
class _Life:
    """One worker's hold on one run."""

    run: TrainingRun
    progress: Progress | None
    _step: str = ""
    _last: float = field(default=0.0, repr=False)

    def report(self, step: str, share: float) -> None:
        """Write the progress, twice a second at most; Cancelled if somebody wants the run to end."""
        if self.progress is not None:
            self.progress(step, share)
        now = time.monotonic()
        if step == self._step and now - self._last < _REPORT_SECONDS:
            return
        self._step, self._last = step, now
        alive = self._mine().filter(cancel_requested_at=None)
        if not alive.update(step=step, progress=min(share, 1.0), heartbeat_at=timezone.now()):
            self._raise()

    def finish(self, message: str) -> None:
        """End the run in the caller's transaction; Cancelled or superseded, and nothing of it stays.

        message    why its model stays a candidate, "" if it does not
        """
        alive = self._mine().filter(cancel_requested_at=None)
        now = timezone.now()
        if not alive.update(
            status=Status.FINISHED,
            progress=1.0,
            step="",
            message=message,
            code=TrainingRun.REJECTED if message else "",
            heartbeat_at=now,
            finished_at=now,
        ):
            self._raise()

    def end_cancelled(self) -> None:
        if _end(self.run, Status.CANCELLED):
            logger.info("training_cancelled", extra={"run": self.run.pk})

    def _raise(self) -> None:
        if self._mine().exists():
            raise Cancelled
        raise _Superseded

    def _mine(self) -> QuerySet[TrainingRun]:
        return TrainingRun.objects.filter(pk=self.run.pk, status=Status.RUNNING, attempt=self.run.attempt)


def _end(training_run: TrainingRun, status: str, *, message: str = "", code: str = "") -> bool:
    """End a run unless it went on under another worker."""
    mine = TrainingRun.objects.filter(pk=training_run.pk, status=Status.RUNNING, attempt=training_run.attempt)
    return bool(mine.update(status=status, message=message, code=code, finished_at=timezone.now(), step=""))


def _fail(training_run: TrainingRun, message: str, code: str) -> None:
    with journal.unit():
        if _end(training_run, Status.FAILED, message=message, code=code):
            audit.record(
                "training.failed",
                actor=SYSTEM,
                subject=Ref("training", training_run.pk),
                detail={"subject": training_run.subject, "code": code},
            )
