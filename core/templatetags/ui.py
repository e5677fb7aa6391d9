"""Template tags of the design system; docs/design-system.md shows each in use."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from django import template
from django.contrib.messages.storage.base import Message
from django.forms import BaseForm, BoundField
from django.http import HttpRequest
from django.template.loader import render_to_string
from django.templatetags.static import static
from django.urls import NoReverseMatch, reverse
from django.utils import timezone
from django.utils.functional import Promise
from django.utils.html import format_html, json_script
from django.utils.safestring import SafeString, mark_safe
from django.utils.translation import gettext as _

from core.ui import formats, graphics, strings
from core.ui.fields import show_field
from core.ui.shapes import draw_shape
from core.ui.statuses import Tone, find_status
from core.ui.toasts import undo_url_of

register = template.Library()
Text = str | Promise


# ── Values ───────────────────────────────────────────────────────────────────────────────────────
@register.simple_tag
def icon(name: str, *, size: int = 16, label: Text = "") -> SafeString:
    """Draw an icon of the sprite; without a label it is decoration and hidden from readers."""
    href = f"{static('vendor/tabler-icons-3.51.0/icons.svg')}#{name}"
    reading = format_html('role="img" aria-label="{}"', label) if label else mark_safe('aria-hidden="true"')
    return format_html(
        '<svg class="bo-icon" width="{0}" height="{0}" {1}><use href="{2}"/></svg>', size, reading, href
    )


@register.simple_tag
def status_badge(kind: str, value: str, *, label: Text = "") -> SafeString:
    """Show a state with its shape, colour and word."""
    status = find_status(kind, str(value))
    return format_html(
        '<span class="bo-status is-{}">{}{}</span>',
        status.tone,
        draw_shape(status.tone),
        label or status.label,
    )


@register.simple_tag
def tone_shape(tone: str) -> SafeString:
    """Draw the bare shape of a tone."""
    return draw_shape(Tone(tone))


@register.inclusion_tag("components/score.html")
def score(
    probability: float | None,
    *,
    review_at: float = formats.DEFAULT_REVIEW_AT,
    decline_at: float = formats.DEFAULT_DECLINE_AT,
    band: bool = True,
) -> dict[str, object]:
    """Show a probability of bad as 0–100 with a bar, the thresholds on it, and the band's word."""
    shown = None
    if probability is not None:
        shown = formats.show_score(float(probability), review_at=review_at, decline_at=decline_at)
    marks = [round(60 * at, 1) for at in (review_at, decline_at)]
    width = round(0.6 * shown.points, 1) if shown else 0
    return {"shown": shown, "width": width, "marks": marks, "with_band": band}


@register.simple_tag
def money(amount_minor: int | None, currency: str) -> SafeString:
    """Show an amount in minor units with its ISO 4217 code."""
    if amount_minor is None:
        return _nothing()
    return format_html(
        '<span class="bo-money">{}&nbsp;<abbr>{}</abbr></span>',
        formats.amount_text(amount_minor, currency),
        currency,
    )


@register.simple_tag
def number(value: float | None, *, decimals: int = 0, unit: Text = "") -> SafeString:
    """Show a number with grouped thousands; the unit follows in small grey."""
    if value is None:
        return _nothing()
    text = formats.number_text(value, decimals=decimals)
    if not unit:
        return format_html('<span class="bo-num">{}</span>', text)
    return format_html('<span class="bo-num">{}<small>{}</small></span>', text, unit)


@register.simple_tag
def moment(at: datetime | None, *, due: bool = False, now: datetime | None = None) -> SafeString:
    """Show how long ago or how soon, with the exact moment on hover.

    due   a deadline: amber within six hours, red once it has passed
    """
    if at is None:
        return _nothing()
    now = now or timezone.now()
    urgency = ""
    if due:
        seconds = (at - now).total_seconds()
        urgency = " is-late" if seconds < 0 else " is-soon" if seconds < 6 * 3600 else " is-due"
    return format_html(
        '<time class="bo-moment{}" datetime="{}" title="{}" data-relative>{}</time>',
        urgency, at.isoformat(), formats.exact_text(at), formats.relative_text(at, now=now),
    )  # fmt: skip


@register.inclusion_tag("components/id_copy.html")
def id_copy(public_id: str, *, href: str = "") -> dict[str, object]:
    """Show an id in the monospaced face with one-click copy; `href` makes the id a link."""
    return {"public_id": public_id, "href": href}


# ── Small graphics ───────────────────────────────────────────────────────────────────────────────
@register.inclusion_tag("components/spark.html")
def spark(
    values: Sequence[float], *, label: Text = "", width: int = 96, height: int = 24, bars: bool = False
) -> dict[str, object]:
    """Draw the shape of a short series as a line, or as bars from zero."""
    if bars:
        bars_path = graphics.path_of(graphics.draw_bars(values, width=width, height=height))
        return {"bars": bars_path, "width": width, "height": height, "label": label}
    return {"spark": graphics.draw_spark(values, width=width, height=height), "label": label}


@register.inclusion_tag("components/split.html")
def split(parts: Iterable[tuple[Text, int, str]]) -> dict[str, object]:
    """Draw how a whole divides: (label, count, tone) in order, each part as wide as its share."""
    parts = list(parts)
    drawn = graphics.draw_split([count for _label, count, _tone in parts])
    return {
        "parts": [
            {"label": label, "count": count, "tone": tone, "x": x, "width": width}
            for (label, count, tone), (x, width) in zip(parts, drawn, strict=True)
        ]
    }


@register.inclusion_tag("components/contributions.html")
def contributions(rows: Iterable[Mapping[str, Any]]) -> dict[str, object]:
    """Draw signed bars for what moved a score, in the order given.

    rows   mappings with `label`, `value` (signed) and optionally `detail`, the value that mattered
    """
    rows = list(rows)
    drawn = graphics.draw_signed_bars([row["value"] for row in rows])
    return {"rows": [{**row, "bar": bar} for row, bar in zip(rows, drawn, strict=True)]}


@register.inclusion_tag("components/progress.html")
def progress(
    done: int, total: int | None, *, label: Text = "", failed: int = 0, eta: Text = "", html_id: str = ""
) -> dict[str, object]:
    """Show done of total, with failures; an unknown total (None) shows an indeterminate bar."""
    percent = None if total is None else 100 if total == 0 else min(100, int(100 * done / total))
    return {
        "done": done,
        "total": total,
        "percent": percent,
        "failed": failed,
        "failed_percent": 0 if not total else min(100, round(100 * failed / total, 2)),
        "label": label,
        "eta": eta,
        "html_id": html_id,
    }


@register.inclusion_tag("components/kpi.html")
def kpi(
    label: Text,
    value: object,
    *,
    unit: Text = "",
    target: Text = "",
    trend: float | None = None,
    up_is_good: bool = True,
    values: Sequence[float] = (),
    href: str = "",
    tone: str = "",
    note: Text = "",
) -> dict[str, object]:
    """Show one figure: its target, its change against the period before (0.12 = +12 %), its shape."""
    is_up = trend is not None and trend > 0
    return {
        "label": label,
        "value": value,
        "unit": unit,
        "target": target,
        "href": href,
        "tone": tone,
        "note": note,
        "trend_text": "" if trend is None else f"{formats.number_text(abs(trend) * 100, decimals=1)}%",
        "is_up": is_up,
        "is_flat": not trend,
        "is_good": bool(trend) and is_up == up_is_good,
        "spark": graphics.draw_spark(values, width=88, height=28),
    }


@register.inclusion_tag("components/diff.html")
def diff(rows: Iterable[tuple[Text, object, object]], *, inline: bool = False) -> dict[str, object]:
    """Show what changed: (label, old, new) per field; equal fields are marked as unchanged.

    inline   one text with what went and what came in its place, instead of two columns
    """
    shown = []
    for label, old, new in rows:
        old_text, new_text = ("" if value is None else str(value) for value in (old, new))
        pieces = graphics.compare_words(old_text, new_text)
        shown.append({"label": label, "old": old_text, "new": new_text, "pieces": pieces})
    return {"rows": shown, "inline": inline}


@register.inclusion_tag("components/chart.html")
def chart(key: str, spec: Mapping[str, Any], *, title: Text = "") -> dict[str, object]:
    """Draw a chart, its numbers in a table one click away; the page includes components/chart_scripts.html.

    spec   {"kind": "line" | "bar", "x": [...], "unit": "", "series": [{"name", "values", "low"?, "high"?}]}
    """
    series = spec["series"]
    rows = [(x, [one["values"][i] for one in series]) for i, x in enumerate(spec["x"])]
    return {"spec_id": f"{key}-spec", "spec": dict(spec), "title": title, "series": series, "rows": rows}


# ── Navigation ───────────────────────────────────────────────────────────────────────────────────
@register.inclusion_tag("components/nav_item.html", takes_context=True)
def nav_item(
    context: template.Context, url_name: str, label: Text, icon_name: str, count: int | None = None
) -> dict[str, object]:
    """Show one line of the left navigation; nothing while no page has that name."""
    try:
        href = reverse(url_name)
    except NoReverseMatch:
        return {}
    path = getattr(context.get("request"), "path", "")
    is_current = path == href if url_name.endswith(":home") else path.startswith(href)
    return {"href": href, "label": label, "icon_name": icon_name, "count": count, "is_current": is_current}


@register.inclusion_tag("components/tabs.html")
def tabs(items: Iterable[Mapping[str, Any]], *, label: Text = "") -> dict[str, object]:
    """Show tabs with counts: mappings with `label`, `href`, `count` (None hides it), `is_current`."""
    return {"items": items, "label": label}


@register.inclusion_tag("components/pager.html")
def pager(previous_href: str = "", next_href: str = "", *, shown: int | None = None) -> dict[str, object]:
    """Show previous and next for keyset paging; an empty address disables its side."""
    return {"previous_href": previous_href, "next_href": next_href, "shown": shown}


@register.inclusion_tag("components/sort_header.html", takes_context=True)
def sort_header(
    context: template.Context, key: str, label: Text, *, numeric: bool = False, parameter: str = "sort"
) -> dict[str, object]:
    """Show a column head that sorts by `?sort=key`, then `?sort=-key`; paging starts again."""
    request: HttpRequest = context["request"]
    current = request.GET.get(parameter, "")
    query = request.GET.copy()
    for cursor in ("after", "before", "cursor", "page"):
        query.pop(cursor, None)
    query[parameter] = f"-{key}" if current == key else key
    direction = {key: "ascending", f"-{key}": "descending"}.get(current, "none")
    return {"href": f"?{query.urlencode()}", "label": label, "direction": direction, "numeric": numeric}


@register.inclusion_tag("components/stepper.html")
def stepper(steps: Sequence[Text], current: int) -> dict[str, object]:
    """Show the steps of a form; `current` counts from 1, one past the end means all done."""
    return {
        "steps": [
            {
                "label": label,
                "number": i,
                "state": "done" if i < current else "current" if i == current else "todo",
            }
            for i, label in enumerate(steps, 1)
        ],
        "current": current,
    }


# ── Forms ────────────────────────────────────────────────────────────────────────────────────────
@register.inclusion_tag("components/field.html")
def field(
    bound: BoundField, *, prefix: Text = "", suffix: Text = "", label: Text = "", accept_note: Text = ""
) -> dict[str, object]:
    """Show a form field: label above, help below, errors beside it, all tied together for readers."""
    shown = show_field(bound)
    return {
        "bound": bound,
        "widget": shown.widget,
        "layout": shown.layout,
        "label": label or bound.label,
        "prefix": prefix,
        "suffix": suffix,
        "accept_note": accept_note,
    }


@register.inclusion_tag("components/form_fields.html")
def form_fields(form: BaseForm) -> dict[str, object]:
    """Show a whole form in its declared order, errors of the whole form first."""
    return {"form": form}


@register.inclusion_tag("components/form_errors.html")
def form_errors(form: BaseForm) -> dict[str, object]:
    """Say how many fields need attention, with a link to each; nothing when all is well."""
    broken = [bound for bound in form.visible_fields() if bound.errors]
    hidden = [error for bound in form.hidden_fields() for error in bound.errors]
    general = [*form.non_field_errors(), *hidden]
    return {"broken": broken, "general": general, "count": len(broken) + len(general)}


# ── Messages and states of the page ──────────────────────────────────────────────────────────────
@register.inclusion_tag("components/empty.html")
def empty(
    title: Text,
    text: Text = "",
    *,
    action: Text = "",
    href: str = "",
    icon_name: str = "inbox",
    filtered: bool = False,
) -> dict[str, object]:
    """Say why there is nothing here and the one next step. `filtered`: the filters hid it all."""
    return {
        "title": title, "text": text, "action": action, "href": href, "filtered": filtered,
        "icon_name": "filter" if filtered else icon_name,
    }  # fmt: skip


@register.inclusion_tag("components/timeline.html")
def timeline(events: Iterable[Mapping[str, Any]]) -> dict[str, object]:
    """Show what happened, newest first as given: mappings with `at`, `title`, and optionally
    `tone`, `actor`, `text`."""
    return {"events": events}


@register.inclusion_tag("components/definitions.html")
def definitions(rows: Iterable[tuple[Text, object]]) -> dict[str, object]:
    """Show pairs of term and value; an absent value shows a dash."""
    return {"rows": [(term, _nothing() if value in (None, "") else value) for term, value in rows]}


@register.inclusion_tag("components/skeleton.html")
def skeleton(rows: int = 5) -> dict[str, object]:
    """Hold the place of rows that are still on their way."""
    return {"rows": range(rows)}


@register.filter
def undo_url(message: Message) -> str:
    """Return the Undo address of a message, or nothing."""
    return undo_url_of(message.extra_tags) or ""


@register.simple_tag
def script_strings() -> SafeString:
    """Hand the page's language to static/backoffice.js."""
    return json_script(strings.script_strings(), "bo-strings")


# ── Blocks ───────────────────────────────────────────────────────────────────────────────────────
@register.simple_block_tag
def card(
    content: str, title: Text = "", *, note: Text = "", flush: bool = False, html_id: str = ""
) -> SafeString:
    """Frame content with a title; `flush` lets a table touch the frame."""
    return _render("components/card.html", content, title=title, note=note, flush=flush, html_id=html_id)


@register.simple_block_tag
def callout(content: str, title: Text = "", *, tone: str = "progress") -> SafeString:
    """Set reasons or a warning apart from the page, with the shape of its tone."""
    return _render("components/callout.html", content, title=title, tone=tone)


@register.simple_block_tag
def datatable(content: str, label: Text, *, html_id: str = "", cards: bool = True) -> SafeString:
    """Wrap thead and tbody: sticky head, rows as cards on phones, j/k moves between rows."""
    return _render("components/datatable.html", content, label=label, html_id=html_id, cards=cards)


@register.simple_block_tag
def bulk_bar(content: str) -> SafeString:
    """Hold the actions for selected rows; shows itself while something is selected."""
    return _render("components/bulk_bar.html", content)


@register.simple_block_tag
def drawer(content: str, html_id: str, title: Text) -> SafeString:
    """Hold a side panel; `data-drawer="ID"` on a link or button opens it."""
    return _render("components/drawer.html", content, html_id=html_id, title=title)


def _render(name: str, content: str, **values: object) -> SafeString:
    return mark_safe(render_to_string(name, {"content": content, **values}))  # noqa: S308


def _nothing() -> SafeString:
    return format_html('<span class="bo-nothing" title="{}">–</span>', _("Not known"))
