"""What the admin's lists and pages show: public ids, links, states, amounts, and secrets masked."""

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, cast

from django.contrib import admin
from django.db.models import Model
from django.urls import NoReverseMatch, reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _

from . import ids
from .encryption import decrypt, mask
from .errors import NotFound
from .templatetags import ui

if TYPE_CHECKING:
    from django_stubs_ext import StrPromise

    Text = str | StrPromise
Shown = Callable[[Any], object]

# The nouns of journals and events → prefix and table, so that each becomes a link.
_SUBJECTS: Mapping[str, tuple[str, str]] = {
    "user": ("usr", "accounts_user"),
    "api_key": ("key", "accounts_apikey"),
    "merchant": ("mer", "merchants_merchant"),
    "application": ("app", "merchants_merchantapplication"),
    "document": ("doc", "merchants_document"),
    "category": ("cat", "catalog_category"),
    "listing": ("lst", "catalog_listing"),
    "revision": ("rev", "catalog_listingrevision"),
    "order": ("ord", "orders_order"),
    "shipment": ("shp", "orders_shipment"),
    "refund": ("ref", "orders_refund"),
    "decision": ("dec", "risk_decision"),
    "label": ("lab", "risk_label"),
    "ruleset": ("rst", "risk_ruleset"),
    "model": ("mod", "risk_modelversion"),
    "alert": ("alr", "risk_alert"),
    "backtest": ("bkt", "risk_backtest"),
    "list": ("lis", "risk_entitylist"),
    "snooze": ("snz", "risk_rulesnooze"),
    "brake": ("brk", "risk_brake"),
    "case": ("cas", "cases_reviewcase"),
    "import": ("imp", "intake_importbatch"),
    "macro": ("mac", "cases_macro"),
}


def subject_of(text: str) -> tuple[str, int] | None:
    """Return kind and id behind a public id, None for any other text."""
    for kind, (prefix, _table) in _SUBJECTS.items():
        if text.startswith(f"{prefix}_"):
            try:
                return kind, ids.decode(prefix, text)
            except NotFound:
                return None
    return None


def link_to_subject(kind: str, id: int | str | None) -> SafeString | str:
    """Return a link to the row that a kind and an id name, or their plain text."""
    if id in (None, ""):
        return kind or "–"
    if kind not in _SUBJECTS or not str(id).lstrip("-").isdigit():
        return f"{kind} {id}".strip()
    prefix, table = _SUBJECTS[kind]
    return _link(table, int(id or 0), ids.encode(prefix, int(id or 0)))


def link_to(row: Model | None, text: "Text" = "") -> SafeString | str:
    """Return a link to the admin page of a row."""
    if row is None:
        return "–"
    return _link(f"{row._meta.app_label}_{row._meta.model_name}", row.pk, text or str(row))


def columns_shown(shown: Shown) -> tuple[str, ...]:
    """Return the columns that this shows, so that a page does not show them twice."""
    columns: tuple[str, ...] = getattr(shown, "columns", ())
    return columns


def public_id(prefix: str) -> Shown:
    """Show the id as the outside knows it."""

    @admin.display(description=_("id"), ordering="pk")
    def shown(row: Any) -> SafeString:
        return format_html('<span class="bo-mono">{}</span>', ids.encode(prefix, row.pk))

    return shown


def linked(field: str, description: "Text", *, text: str = "") -> Shown:
    """Show a foreign key as a link; `list_select_related` must name it.

    text    the attribute to show instead of the row's name
    """

    @admin.display(description=description, ordering=field)
    def shown(row: Any) -> SafeString | str:
        target = getattr(row, field)
        return link_to(target, str(getattr(target, text)) if text and target else "")

    return shown


def subject(kind: str = "subject_kind", id: str = "subject_id", description: "Text" = _("subject")) -> Shown:
    """Show the pair of columns that names a subject as one link."""

    @admin.display(description=description)
    def shown(row: Any) -> SafeString | str:
        return link_to_subject(getattr(row, kind), getattr(row, id))

    return _of(shown, kind, id)


def reference(kind: str, field: str, description: "Text") -> Shown:
    """Show a bare id column, whose kind is fixed, as a link."""

    @admin.display(description=description)
    def shown(row: Any) -> SafeString | str:
        id = getattr(row, field)
        return "–" if id is None else link_to_subject(kind, id)

    return _of(shown, field)


def actor() -> Shown:
    """Show who did it, as a link where that is a person or a key."""
    return subject("actor_kind", "actor_id", _("actor"))


def status(kind: str, field: str = "status", description: "Text" = _("status")) -> Shown:
    """Show a state with its shape and word."""

    @admin.display(description=description, ordering=field)
    def shown(row: Any) -> SafeString:
        value = getattr(row, field)
        return ui.status_badge(kind, value) if value else format_html("–")

    return _of(shown, field)


def money(amount: str, currency: str, description: "Text") -> Shown:
    """Show a column of minor units with its currency. A currency in capitals is meant literally."""

    @admin.display(description=description, ordering=amount)
    def shown(row: Any) -> SafeString:
        return ui.money(getattr(row, amount), currency if currency.isupper() else getattr(row, currency))

    return _of(shown, amount, currency)


def score(field: str = "score", description: "Text" = _("score")) -> Shown:
    """Show a probability as people see it, 0–100."""

    @admin.display(description=description, ordering=field)
    def shown(row: Any) -> str:
        value = getattr(row, field)
        return "–" if value is None else f"{100 * value:.0f}"

    return shown


def moment(field: str, description: "Text") -> Shown:
    """Show a moment as how long ago, the exact one on hover."""

    @admin.display(description=description, ordering=field)
    def shown(row: Any) -> SafeString:
        return ui.moment(getattr(row, field))

    return shown


def masked(field: str, description: "Text") -> Shown:
    """Show only the end of an encrypted column."""

    @admin.display(description=description)
    def shown(row: Any) -> str:
        sealed = getattr(row, field)
        return "–" if sealed is None else mask(decrypt(sealed))

    return shown


def _link(table: str, id: int, text: "Text") -> SafeString | str:
    try:
        return format_html('<a href="{}">{}</a>', reverse(f"admin:{table}_change", args=[id]), text)
    except NoReverseMatch:
        return str(text)


def _of(shown: Any, *columns: str) -> Shown:
    shown.columns = columns
    return cast("Shown", shown)
