"""The desk: what leads steer by. Backlog, promises, throughput, people, the forecast and the what-if."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from django.http import Http404, HttpRequest, HttpResponse, StreamingHttpResponse
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe

from accounts.permissions import Permission
from cases import desk as numbers
from cases.clocks import desk_zone
from cases.models import Queue
from cases.outlooks import forecast_desk
from console import desk_report as report
from console.access import staff_page, user_of
from console.desk_forms import DeskFilter, StaffingForm
from console.pages import show
from core.ui.formats import number_text


@require_safe
@staff_page(Permission.VIEW_DESK)
def desk(request: HttpRequest) -> HttpResponse:
    """Show the desk as it is."""
    now, queues, zone = _start()
    form = DeskFilter(request.GET, queues=queues)
    queue, days = form.chosen
    backlogs = numbers.list_backlogs([queue] if queue else queues, at=now)
    filled = [one for one in backlogs if queue or one.open or one.paused]
    work = numbers.get_work(at=now, days=days, zone=zone, queue=queue)
    people = numbers.list_people_on(user_of(request), at=now, zone=zone)
    context = {
        "form": form,
        "chosen": {"queue": queue.code if queue else "", "days": days},
        "backlogs": report.backlog_rows(filled),
        "empty": [one.queue for one in backlogs if one not in filled],
        "age_labels": report.age_labels(),
        "open": report.count_text(sum(one.open for one in backlogs)),
        "late": report.count_text(sum(one.decide.late for one in backlogs)),
        "at_risk": report.count_text(sum(one.decide.at_risk for one in backlogs)),
        "work": work,
        "decided": number_text(sum(step.verdicts for step in work.steps)),
        "median": report.duration_text(work.handling.median_s),
        "p90": report.duration_text(work.handling.p90_s),
        "in_time": report.share_text(work.kept.share),
        "touched_in_time": report.share_text(work.kept.touched_share),
        "plot": report.plot_of(work, days, zone),
        "mix": report.verdict_mix(work),
        "people": people,
        "on_now": sum(one.is_active for one in people),
        "zone": zone.key,
        "tabs": _tabs("now"),
        "now": now,
    }
    return show(request, "console/desk.html", context)


@require_safe
@staff_page(Permission.VIEW_DESK)
def outlook(request: HttpRequest) -> HttpResponse:
    """Show today's and tomorrow's forecast, and beside it what other people would come to."""
    now, queues, zone = _start()
    asked = bool(request.GET)
    form = StaffingForm(request.GET if asked else None)
    ends = _midnights(now, zone)
    usual = forecast_desk(at=now, ends=ends)
    day, changed = 0, None
    if asked and form.is_valid():
        day = int(form.cleaned_data["day"])
        factor = form.cleaned_data["arrivals"] / 100
        changed = forecast_desk(at=now, ends=ends, staffing=form.staffing, arrival_factor=factor)
    days = [_("Rest of today"), _("Tomorrow")]
    context = {
        "form": form,
        "day_label": days[day],
        "rows": report.compare(usual.periods[day], changed.periods[day] if changed else None),
        "is_compared": changed is not None,
        "periods": [
            (label, period, report.line_rows(period, queues))
            for label, period in zip(days, usual.periods, strict=True)
        ],
        "today": usual.periods[0],
        "sentences": report.basis_sentences(usual.basis, queues),
        "basis": usual.basis,
        "is_empty": not any(
            period.lines and period.arriving.mean + period.backlog.mean for period in usual.periods
        ),
        "zone": zone.key,
        "tabs": _tabs("forecast"),
        "now": now,
    }
    return show(request, "console/desk_forecast.html", context)


@require_safe
@staff_page(Permission.VIEW_DESK)
def desk_file(request: HttpRequest, what: str) -> StreamingHttpResponse:
    """Give one table of the desk away as CSV, under the page's filters."""
    now, queues, zone = _start()
    queue, days = DeskFilter(request.GET, queues=queues).chosen
    lines: Iterator[str]
    if what == "queues":
        backlogs = numbers.list_backlogs([queue] if queue else queues, at=now)
        lines = report.write_csv(report.QUEUE_HEADS, report.queue_lines(backlogs))
    elif what == "work":
        work = numbers.get_work(at=now, days=days, zone=zone, queue=queue)
        lines = report.write_csv(report.WORK_HEADS, report.work_lines(work))
    elif what == "people":
        people = numbers.list_people_on(user_of(request), at=now, zone=zone)
        lines = report.write_csv(report.PEOPLE_HEADS, report.people_lines(people))
    elif what == "forecast":
        periods = forecast_desk(at=now, ends=_midnights(now, zone)).periods
        lines = report.write_csv(report.FORECAST_HEADS, report.forecast_lines(periods, zone))
    else:
        raise Http404
    answer = StreamingHttpResponse(lines, content_type="text/csv; charset=utf-8")
    answer["Content-Disposition"] = f'attachment; filename="desk-{what}-{now:%Y-%m-%d}.csv"'
    return answer


def _start() -> tuple[datetime, list[Queue], ZoneInfo]:
    queues = list(Queue.objects.select_related("calendar"))
    return timezone.now(), queues, desk_zone(queues)


def _midnights(now: datetime, zone: ZoneInfo) -> list[datetime]:
    """Return the ends of today and of tomorrow, where the people are."""
    today = now.astimezone(zone).date()
    return [datetime(*(today + timedelta(days=days)).timetuple()[:3], tzinfo=zone) for days in (1, 2)]


def _tabs(current: str) -> list[dict[str, Any]]:
    pages = [("now", _("Now"), "console:desk"), ("forecast", _("Forecast"), "console:desk-forecast")]
    return [
        {"label": label, "href": reverse(name), "count": None, "is_current": key == current}
        for key, label, name in pages
    ]
