"""Run a queued training: it reports its progress, and what it tuned is stored trial by trial and goes on."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from django.utils import timezone

from risk import runs
from risk.models import ModelVersion, TrainingRun
from risk.runs import Hold, Reporter
from risk.services import retire_old_shadows

from .making import Options, make_versions

Progress = Callable[[str, float], None]  # (step, share of the whole run)


def run(
    run_id: int, *, at: datetime, options: Options | None = None, progress: Progress | None = None
) -> ModelVersion | None:
    """Run a queued training once; None if it is taken, cancelled or failed, with the reason on its row.

    Returns its LightGBM model, in shadow or, if that is worse than what there is, as a candidate.
    """

    def make(hold: Hold[TrainingRun]) -> ModelVersion:
        version = make_versions(hold.run, _Life(Reporter(hold), progress), options or Options())
        # After its commit: one that is missed is made up for by the next training.
        retire_old_shadows(version.subject, at=timezone.now())
        return version

    return runs.work(runs.TRAININGS, run_id, make, at=at)


@dataclass(frozen=True)
class _Life:
    """What a training tells of itself while it is made."""

    reporter: Reporter[TrainingRun]
    progress: Progress | None

    def report(self, step: str, share: float) -> None:
        """Tell how far it is; Cancelled if somebody wants the run to end."""
        if self.progress is not None:
            self.progress(step, share)
        self.reporter.report(step, share)

    def finish(self, message: str) -> None:
        """End the run in the caller's transaction; Cancelled or Superseded, and nothing of it stays.

        message    why its model stays a candidate, "" if it does not
        """
        code = TrainingRun.REJECTED if message else ""
        self.reporter.hold.finish(progress=1.0, message=message, code=code)
