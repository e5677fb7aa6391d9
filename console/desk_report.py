"""The desk's numbers as its pages and files show them."""

import csv
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from cases.desk import Backlog, PersonOn, Standing, Step, Work
from cases.forecasting import Outlook, Spread
from cases.models import Queue, VerdictKind
from cases.outlooks import DEFAULT_HANDLING_S, FEWEST_HANDLED, Basis
from cases.selectors import AGE_CLASSES_HOURS, COUNTED
from core.ui.formats import number_text
from core.ui.graphics import draw_split

_PLOT_HEIGHT = 140
# Tones of how verdicts divide, beside their words.
_VERDICT_TONES = {
    VerdictKind.APPROVE: "good",
    VerdictKind.REJECT: "bad",
    VerdictKind.REQUEST_INFO: "waits",
    VerdictKind.ESCALATE: "progress",
    VerdictKind.HOLD: "ended",
}


@dataclass(frozen=True)
class BacklogRow:
    """One queue: its backlog, the bar of its ages and the bars of its promises, in percent."""

    backlog: Backlog
    ages: Sequence[tuple[float, float]]
    decide: Sequence[tuple[float, float]]
    first_touch: Sequence[tuple[float, float]]

    @property
    def open_text(self) -> str:
        return count_text(self.backlog.open)


@dataclass(frozen=True)
class Bar:
    """One hour or day: where its bar stands (percent × pixels), and what it counts."""

    step: Step
    label: str
    x: float
    width: float
    y: float
    height: float
    arrived_y: float


@dataclass(frozen=True)
class Plot:
    """Verdicts as bars and arrivals as a line of steps on one scale."""

    bars: Sequence[Bar]
    top: int
    height: int = _PLOT_HEIGHT

    @property
    def ticks(self) -> list[str]:
        """Labels at the start, the middle and the end."""
        return [self.bars[i].label for i in (0, len(self.bars) // 2, len(self.bars) - 1)]

    @property
    def arrived_path(self) -> str:
        return "".join(
            f"{'V' if i else f'M{bar.x} '}{bar.arrived_y}h{bar.width}" for i, bar in enumerate(self.bars)
        )


@dataclass(frozen=True)
class Compared:
    """One figure of the forecast: as usual, and under the what-if if there is one."""

    label: str
    usual: str
    usual_range: str
    changed: str = ""
    changed_range: str = ""


@dataclass(frozen=True)
class ShareBand:
    """A forecast share as a band on a line of 100."""

    x: float
    width: float
    mark: float


@dataclass(frozen=True)
class LineRow:
    """One queue in one period of the forecast."""

    queue: Queue
    in_time: Spread | None
    band: ShareBand | None
    breaches: str
    breaches_range: str
    is_bad: bool
    arriving: str
    backlog: str


def age_labels() -> list[str]:
    return [
        ngettext("under %(hours)s h", "under %(hours)s h", hours) % {"hours": hours}
        for hours in AGE_CLASSES_HOURS
    ] + [_("older")]


def count_text(count: int) -> str:
    """Return a counter that stops at COUNTED as people read it."""
    return f"{number_text(COUNTED)}+" if count >= COUNTED else number_text(count)


def duration_text(seconds: float | None) -> str:
    """Return a duration in its largest fitting unit."""
    if seconds is None:
        return "–"
    if seconds < 90:
        return _("%(count)s s") % {"count": number_text(seconds)}
    if seconds < 90 * 60:
        is_fine = seconds < 600 and seconds % 60 > 0
        return _("%(count)s min") % {"count": number_text(seconds / 60, decimals=int(is_fine))}
    return _("%(count)s h") % {"count": number_text(seconds / 3_600, decimals=1)}


def share_text(share: float | None) -> str:
    return "–" if share is None else f"{number_text(100 * share, decimals=1)} %"


def backlog_rows(backlogs: Iterable[Backlog]) -> list[BacklogRow]:
    return [
        BacklogRow(one, draw_split(one.ages), _bar(one.decide), _bar(one.first_touch)) for one in backlogs
    ]


def plot_of(work: Work, days: int, zone: ZoneInfo) -> Plot:
    top = max(1, *(max(step.verdicts, step.arrived) for step in work.steps))
    width = 100 / len(work.steps)

    def y(count: int) -> float:
        return round(_PLOT_HEIGHT * (1 - count / top), 1)

    bars = [
        Bar(
            step=step,
            label=_step_label(step.starts_at, days, zone),
            x=round(i * width, 2),
            width=round(width, 2),
            y=y(step.verdicts),
            height=round(_PLOT_HEIGHT - y(step.verdicts), 1),
            arrived_y=y(step.arrived),
        )
        for i, step in enumerate(work.steps)
    ]
    return Plot(bars, top)


def verdict_mix(work: Work) -> list[Mapping[str, Any]]:
    """Return the verdicts that were given, with their share and place in the bar."""
    given = {kind: count for kind, count in work.mix.items() if count}
    whole = sum(given.values())
    places = draw_split(list(given.values()))
    return [
        {
            "label": VerdictKind(kind).label,
            "count": count,
            "share": count / whole,
            "tone": _VERDICT_TONES[VerdictKind(kind)],
            "x": x,
            "width": width,
        }
        for (kind, count), (x, width) in zip(given.items(), places, strict=True)
    ]


def line_rows(outlook: Outlook, queues: Iterable[Queue]) -> list[LineRow]:
    """Return the queues in which anything is, comes or is due, in the order of queues."""
    lines = {line.code: line for line in outlook.lines}
    rows = []
    for queue in queues:
        line = lines.get(queue.code)
        if line is None or (line.in_time is None and not line.arriving.mean and not line.backlog.mean):
            continue
        rows.append(
            LineRow(
                queue=queue,
                in_time=line.in_time,
                band=_band(line.in_time),
                breaches=_number(line.breaches),
                breaches_range=_range(line.breaches),
                is_bad=line.breaches.mean >= 0.5,
                arriving=_number(line.arriving),
                backlog=_number(line.backlog),
            )
        )
    return rows


def compare(usual: Outlook, changed: Outlook | None) -> list[Compared]:
    """Return the figures that a lead decides by, one row each."""
    rows: list[tuple[str, str, Any]] = [
        (_("Decided in time"), "in_time", _share_pair),
        (_("Of what is open now, in time"), "open_in_time", _share_pair),
        (_("Will miss their time"), "breaches", _count_pair),
        (_("Come in"), "arriving", _count_pair),
        (_("Left at the end of the day"), "backlog", _count_pair),
        (_("Half wait less than"), "wait_p50_s", _duration_pair),
        (_("Nine in ten wait less than"), "wait_p90_s", _duration_pair),
        (_("Share of people's time at cases"), "utilisation", _share_pair),
    ]
    return [
        Compared(label, *pair(getattr(usual, name)), *(pair(getattr(changed, name)) if changed else ("", "")))
        for label, name, pair in rows
    ]


def basis_sentences(basis: Basis, queues: Iterable[Queue]) -> list[str]:
    """Say what a forecast rests on, and what it had to assume and why."""
    names = {queue.code: str(queue) for queue in queues}
    sentences = [
        _(
            "Measured on %(verdicts)s verdicts; arrivals over %(working)s working days and %(weekend)s days "
            "of weekend."
        )
        % {
            "verdicts": number_text(basis.verdicts),
            "working": number_text(basis.days["working_day"], decimals=1),
            "weekend": number_text(basis.days["weekend"], decimals=1),
        },
        _(
            "People as they were at work by the quarter of an hour, and in the next half hour those who are "
            "on now (%(count)s)."
        )
        % {"count": basis.on_now},
    ]
    if basis.between_s:
        sentences.append(
            _("From a verdict to the next claim %(time)s pass when work is waiting.")
            % {"time": duration_text(basis.between_s)}
        )
    if not basis.is_kept:
        sentences.append(
            _("No worker has measured the past yet, so only the latest few thousand verdicts were looked at.")
        )
    if basis.borrowed:
        sentences.append(
            _(
                "Fewer than %(fewest)s cases were handled in: %(queues)s. Handling times of all queues are "
                "taken there."
            )
            % {"fewest": FEWEST_HANDLED, "queues": _names(basis.borrowed, names)}
        )
    if basis.defaulted:
        sentences.append(
            _(
                "Fewer than %(fewest)s cases were handled at all, so nothing is known of handling times. "
                "%(time)s are assumed, a third of a claim's lease, in: %(queues)s."
            )
            % {
                "fewest": FEWEST_HANDLED,
                "time": duration_text(DEFAULT_HANDLING_S),
                "queues": _names(basis.defaulted, names),
            }
        )
    if basis.is_staff_flat:
        sentences.append(
            _("Nobody was seen at work in the past, so whoever is on now is taken to stay to the end.")
        )
    if basis.is_cut:
        sentences.append(
            _("Only the first %(count)s cases in order of work are worked off; nobody reaches the others.")
            % {"count": number_text(COUNTED)}
        )
    return sentences


# ── Files ────────────────────────────────────────────────────────────────────────────────────────
class _Echo:
    """A file that hands each line straight on."""

    def write(self, text: str) -> str:
        return text


def write_csv(heads: Sequence[str], rows: Iterable[Sequence[object]]) -> Iterator[str]:
    writer = csv.writer(_Echo())
    yield writer.writerow(heads)
    for row in rows:
        yield writer.writerow([_safe(value) for value in row])


QUEUE_HEADS = [
    *("queue", "open", "under_1h", "under_4h", "under_12h", "under_24h", "under_48h", "older"),
    *("claimed", "awaiting_merchant", "decide_on_time", "decide_at_risk", "decide_late"),
    *("first_look_on_time", "first_look_at_risk", "first_look_late"),
]
WORK_HEADS = ["starts_at", "verdicts", "arrived"]
PEOPLE_HEADS = ["person", "is_active", "holds", "seen_at", "verdicts_today"]
FORECAST_HEADS = [
    *("since", "until", "queue", "arriving", "in_time", "in_time_low", "in_time_high"),
    *("breaches", "breaches_low", "breaches_high", "backlog"),
]


def queue_lines(backlogs: Iterable[Backlog]) -> Iterator[Sequence[object]]:
    for one in backlogs:
        first = one.first_touch
        touch = (first.on_time, first.at_risk, first.late) if first else ("", "", "")
        decide = (one.decide.on_time, one.decide.at_risk, one.decide.late)
        yield (one.queue.code, one.open, *one.ages, one.claimed, one.paused, *decide, *touch)


def work_lines(work: Work) -> Iterator[Sequence[object]]:
    for step in work.steps:
        yield (step.starts_at.isoformat(), step.verdicts, step.arrived)


def people_lines(people: Iterable[PersonOn]) -> Iterator[Sequence[object]]:
    for one in people:
        seen_at = one.seen_at.isoformat(timespec="seconds")
        yield (str(one.user), int(one.is_active), len(one.holds), seen_at, one.verdicts_today)


def forecast_lines(outlooks: Iterable[Outlook], zone: ZoneInfo) -> Iterator[Sequence[object]]:
    for outlook in outlooks:
        ends = [
            datetime.fromtimestamp(at, zone).isoformat(timespec="seconds")
            for at in (outlook.since, outlook.until)
        ]
        for line in outlook.lines:
            share, late = line.in_time, line.breaches
            shares = [round(value, 4) for value in (share.mean, share.low, share.high)] if share else [""] * 3
            counts = [round(value, 1) for value in (late.mean, late.low, late.high)]
            arriving, backlog = round(line.arriving.mean, 1), round(line.backlog.mean, 1)
            yield (*ends, line.code, arriving, *shares, *counts, backlog)


# ── Parts ────────────────────────────────────────────────────────────────────────────────────────
def _bar(standing: Standing | None) -> Sequence[tuple[float, float]]:
    return draw_split([standing.late, standing.at_risk, standing.on_time]) if standing else ()


def _step_label(starts_at: datetime, days: int, zone: ZoneInfo) -> str:
    local = starts_at.astimezone(zone)
    return f"{local:%H:%M}" if days == 1 else f"{local:%m-%d}"


def _band(share: Spread | None) -> ShareBand | None:
    if share is None:
        return None
    low, high = 100 * share.low, 100 * share.high
    return ShareBand(round(low, 1), round(max(high - low, 1.0), 1), round(96 * share.mean, 1))


def _number(spread: Spread) -> str:
    return number_text(spread.mean, decimals=0)


def _range(spread: Spread) -> str:
    low, high = number_text(spread.low), number_text(spread.high)
    return f"{low}–{high}" if low != high else ""


def _share_pair(spread: Spread | None) -> tuple[str, str]:
    if spread is None:
        return "–", ""
    low, high = (number_text(100 * value) for value in (spread.low, spread.high))
    return share_text(spread.mean), f"{low}–{high} %" if low != high else ""


def _count_pair(spread: Spread) -> tuple[str, str]:
    return _number(spread), _range(spread)


def _duration_pair(spread: Spread | None) -> tuple[str, str]:
    if spread is None:
        return "–", ""
    low, high = duration_text(spread.low), duration_text(spread.high)
    return duration_text(spread.mean), f"{low} – {high}" if low != high else ""


def _names(codes: Iterable[str], names: Mapping[str, str]) -> str:
    return ", ".join(names.get(code, code) for code in codes)


def _safe(value: object) -> object:
    """Keep a spreadsheet from taking a text for a formula."""
    return f"'{value}" if isinstance(value, str) and value[:1] in tuple("=+-@\t\r") else value
