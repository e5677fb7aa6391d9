"""The figures of the quality pages, as tables and as CSV."""

import csv
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db.models import QuerySet
from django.urls import reverse
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from accounts.models import User
from cases.quality import figures
from cases.quality.agreement import Kappa
from cases.quality.looks import count_disputed
from cases.quality.models import SecondLook
from risk.models import Rule

from .backtest_files import Echo, safe
from .estimates import Share

# Days, as in the address; "all" stands for everything.
PERIODS: tuple[tuple[str, int | None, Promise], ...] = (
    ("30", 30, gettext_lazy("30 days")),
    ("90", 90, gettext_lazy("90 days")),
    ("365", 365, gettext_lazy("1 year")),
    ("all", None, gettext_lazy("All")),
)
_USUAL = "90"


@dataclass(frozen=True)
class Rate:
    """One line of a table of shares. `name` and `note` as people read them."""

    name: str
    note: str
    share: Share


def read_period(text: str, *, at: datetime) -> tuple[str, datetime | None]:
    """Return the period's code and its beginning, None for everything; another text means the usual one."""
    days = {code: days for code, days, _label in PERIODS}
    code = text if text in days else _USUAL
    chosen = days[code]
    return code, None if chosen is None else at - timedelta(days=chosen)


def overturned_rules(looks: QuerySet[SecondLook]) -> list[Rate]:
    rows = figures.list_overturned_rules(looks)
    codes = [str(row.key) for row in rows]
    names = dict(Rule.objects.filter(code__in=codes).order_by("pk").values_list("code", "name"))
    return [
        Rate(_(name), code, _share(row))
        for code, row in zip(codes, rows, strict=True)
        for name in [names.get(code, code)]
    ]


def overturned_models(looks: QuerySet[SecondLook]) -> list[Rate]:
    return [
        Rate(f"{row.key.get_subject_display()} v{row.key.number}", "", _share(row))  # type: ignore[attr-defined]
        for row in figures.list_overturned_models(looks)
    ]


def overturned_reviewers(looks: QuerySet[SecondLook]) -> list[Rate]:
    return [Rate(str(row.key), "", _share(row)) for row in figures.list_overturned_reviewers(looks)]


def golden_answers(looks: QuerySet[SecondLook]) -> list[Rate]:
    return [
        Rate(str(row.reviewer), "", Share(row.right, row.answers))
        for row in figures.list_golden_answers(looks)
    ]


def quality_tabs(user: User, current: str) -> list[dict[str, object]]:
    """Return the tabs of those who lead."""
    tabs = (
        ("quality", _("Figures"), None),
        ("disagreements", _("Disagreements"), count_disputed(user)),
        ("golden-cases", _("Golden cases"), None),
        ("quality-own", _("My own"), None),
    )
    return [
        {"label": label, "href": reverse(f"console:{name}"), "count": count, "is_current": name == current}
        for name, label, count in tabs
    ]


def write_table(looks: QuerySet[SecondLook], table: str) -> Iterator[str]:
    """Return the lines of a file, its heads first; KeyError for one there is not."""
    heads, rows = TABLES[table]
    writer = csv.writer(Echo())
    yield writer.writerow(heads)
    for row in rows(looks):
        yield writer.writerow([safe(value) for value in row])


def _share(row: figures.Overturned) -> Share:
    return Share(row.overturned, row.looks)


Cells = Sequence[object]


def _queues(looks: QuerySet[SecondLook]) -> Iterable[Cells]:
    for row in figures.list_queue_agreement(looks):
        yield [row.queue.code, row.n, row.agreed, *_kappa(row.kappa)]


def _reasons(looks: QuerySet[SecondLook]) -> Iterable[Cells]:
    for row in figures.list_reason_agreement(looks):
        yield [row.code, row.both, row.one, *_kappa(row.kappa)]


def _kappa(kappa: Kappa | None) -> Cells:
    return [None] * 3 if kappa is None else [kappa.value, kappa.low, kappa.high]


def _rates(read: Callable[[QuerySet[SecondLook]], list[Rate]]) -> Callable[..., Iterable[Cells]]:
    def rows(looks: QuerySet[SecondLook]) -> Iterable[Cells]:
        for rate in read(looks):
            low, high = rate.share.interval or (None, None)
            yield [rate.note or rate.name, rate.share.part, rate.share.whole, rate.share.value, low, high]

    return rows


_INTERVAL = ("kappa", "kappa_low", "kappa_high")
_OVERTURNED = ("overturned", "looks", "share", "low", "high")
TABLES: dict[str, tuple[Sequence[str], Callable[[QuerySet[SecondLook]], Iterable[Cells]]]] = {
    "queues": (("queue", "looks", "agreed", *_INTERVAL), _queues),
    "reasons": (("reason", "both", "one", *_INTERVAL), _reasons),
    "rules": (("rule", *_OVERTURNED), _rates(overturned_rules)),
    "models": (("model", *_OVERTURNED), _rates(overturned_models)),
    "reviewers": (("reviewer", *_OVERTURNED), _rates(overturned_reviewers)),
    "golden": (("reviewer", "right", "answers", "share", "low", "high"), _rates(golden_answers)),
}
