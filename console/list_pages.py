"""Lists as their pages show them: entries with personal values masked, and the rules that ask."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from django.db.models import Q, QuerySet

from core.encryption import decrypt, mask
from risk.list_values import BadValue, compared, normalise
from risk.models import EntityList, ListEntry, ListKind, ListVersion, Rule, RuleSet, RuleSetStatus
from risk.rules.errors import ExpressionError
from risk.rules.expression import parse
from risk.rulesets import known_lists
from risk.schemas import schema_of


@dataclass(frozen=True)
class ListRow:
    """One list of the index. `users`: live rules that ask it, by the version that carries them."""

    list: EntityList
    entry_count: int
    changed_at: datetime | None
    users: Sequence[tuple[RuleSet, str]]


@dataclass(frozen=True)
class EntryRow:
    """One entry; `shown` has most of a personal value hidden."""

    entry: ListEntry
    shown: str
    is_expired: bool


def list_rows() -> list[ListRow]:
    """Return every list that is not archived, by code; four queries."""
    lists = list(EntityList.objects.filter(archived_at=None).order_by("code"))
    versions = {
        version.list_id: version for version in ListVersion.objects.filter(list__in=lists).order_by("number")
    }
    users = _live_users()
    return [
        ListRow(
            one,
            versions[one.pk].entry_count if one.pk in versions else 0,
            versions[one.pk].created_at if one.pk in versions else None,
            users.get(one.code, ()),
        )
        for one in lists
    ]


def find_entries(found: EntityList, text: str) -> QuerySet[ListEntry]:
    """Return what stands in a list; a search finds texts and notes in part, identifiers only as a whole."""
    entries = found.entries.filter(removed_in=None).select_related("list")
    if not text:
        return entries
    wanted = Q(note__icontains=text)
    if found.kind == ListKind.TEXT:
        return entries.filter(wanted | Q(text__icontains=text))
    try:
        key = compared(found.kind, normalise(found.kind, text))
    except BadValue:
        return entries.filter(wanted)
    return entries.filter(wanted | Q(key=key))


def show_entries(entries: Sequence[ListEntry], *, at: datetime) -> list[EntryRow]:
    return [
        EntryRow(entry, shown_value(entry), entry.expires_at is not None and entry.expires_at <= at)
        for entry in entries
    ]


def shown_value(entry: ListEntry) -> str:
    """Return a value as a page may show it: texts as they are, identifiers mostly hidden."""
    return entry.text if entry.sealed is None else masked_value(entry.list.kind, decrypt(entry.sealed))


def masked_value(kind: str, value: str) -> str:
    """Return a personal value with enough of it to tell entries apart.

    >>> masked_value("ip", "203.0.113.63"), masked_value("card", "tok_9f31c204")
    ('203.•••.•••.63', '•••• c204')
    """
    if kind == ListKind.TEXT:
        return value
    parts = value.split(".")
    if kind == ListKind.IP and len(parts) == 4:
        return f"{parts[0]}.•••.•••.{parts[3]}"
    return mask(value)


def plain_value(entry: ListEntry) -> str:
    """Return the value itself, for a service; no page shows it."""
    return entry.text if entry.sealed is None else decrypt(entry.sealed)


def _live_users() -> Mapping[str, list[tuple[RuleSet, str]]]:
    """Return list code → the live rules that ask it; two queries."""
    lists = known_lists(archived=True)
    asking = Rule.objects.filter(ruleset__status=RuleSetStatus.LIVE, condition__contains="list(")
    users: dict[str, list[tuple[RuleSet, str]]] = defaultdict(list)
    for rule in asking.select_related("ruleset"):
        try:
            expression = parse(rule.condition, schema_of(rule.ruleset.subject), lists)
        except ExpressionError:  # a version of earlier code
            continue
        for code in dict.fromkeys(probe.list_code for probe in expression.probes):
            users[code].append((rule.ruleset, rule.code))
    return users
