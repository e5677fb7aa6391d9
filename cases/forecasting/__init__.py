"""What a review desk will get done: its day simulated case by case. Plain Python, no Django.

`desk` says what a desk is, `replay` works cases off in the real order of work, `outlook` draws possible days
and counts what becomes of them. The same three stand behind the leads' forecast, the what-if on staffing and
the simulated day of `bin/bench day`.
"""

from .desk import Desk, HourlyRates, Job, Line, Shift, Waiting
from .outlook import LineOutlook, Outlook, Spread, forecast
from .presence import spread_over, usual_shifts
from .replay import Taken, replay

__all__ = [
    "Desk",
    "HourlyRates",
    "Job",
    "Line",
    "LineOutlook",
    "Outlook",
    "Shift",
    "Spread",
    "Taken",
    "Waiting",
    "forecast",
    "replay",
    "spread_over",
    "usual_shifts",
]
