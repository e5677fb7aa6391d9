"""Run a queued training: it reports its progress, and what it tuned is stored trial by trial and goes on."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime

from risk import runs
from risk.models import ModelVersion, TrainingRun
from risk.runs import Hold

from .making import Options, make_versions

Progress = Callable[[str, float], None]  # (step, share of the whole run)

_REPORT_SECONDS = 0.5


def run(
    run_id: int, *, at: datetime, options: Options | None = None, progress: Progress | None = None
) -> ModelVersion | None:
    """Run a queued training once; None if it is taken, cancelled or failed, with the reason on its row.

    Returns its LightGBM model, in shadow or, if that is worse than what there is, as a candidate.
    """
    return runs.work(
        runs.TRAININGS,
        run_id,
        lambda hold: make_versions(hold.run, _Life(hold, progress), options or Options()),
        at=at,
    )


@dataclass
class _Life:
    """What a training tells of itself while it is made."""

    hold: Hold[TrainingRun]
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
        self.hold.beat(step=step, progress=min(share, 1.0))

    def finish(self, message: str) -> None:
        """End the run in the caller's transaction; Cancelled or Superseded, and nothing of it stays.

        message    why its model stays a candidate, "" if it does not
        """
        code = TrainingRun.REJECTED if message else ""
        self.hold.finish(progress=1.0, message=message, code=code)
