"""Mappings: one TOML file says how a source's columns become our orders; parsed strictly."""

import tomllib
from collections.abc import Iterable
from collections.abc import Mapping as Table
from dataclasses import dataclass, field
from decimal import Decimal, InvalidOperation
from difflib import get_close_matches
from hashlib import sha256
from pathlib import Path
from typing import Any, TypeVar

import polars as pl

from core.money import EXPONENTS
from orders.models import OrderStatus, PaymentStatus
from risk.models import LabelSource

from .refusals import ImportRefused

Value = TypeVar("Value")

MAPPINGS_FOLDER = Path(__file__).resolve().parent.parent / "mappings"

ORDER_FIELDS = frozenset({
    "external_id", "market_order_id", "merchant_ref", "buyer_ref", "buyer_signed_up_at", "device_ref",
    "card_ref", "card_country", "address_ref", "ip", "shipping_country", "billing_country", "currency",
    "total", "base_total", "fx_rate", "placed_at", "known_at", "status", "payment_status",
})  # fmt: skip
LINE_FIELDS = frozenset({"line_no", "listing_ref", "title", "quantity", "unit_price"})
MERCHANT_FIELDS = frozenset({"merchant_ref", "name", "country", "joined_at"})
# Imported history is final, and a received order would be picked up and decided by the sweeper.
FINAL_STATUSES = frozenset(OrderStatus.values) - {OrderStatus.RECEIVED.value}
PAYMENT_STATUSES = frozenset(PaymentStatus.values)
LABEL_SOURCES = frozenset(LabelSource.values)


@dataclass(frozen=True)
class Join:
    """Columns of another file, looked up by one column; the first row of each value counts."""

    file: str
    left: str
    right: str


@dataclass(frozen=True)
class FilePart:
    """One file and how its columns become fields.

    columns      our field → their column
    constants    our field → its text in every row
    prefixes     our field → text put before it, so that two sources' numbers stay apart
    values       our field → their value → ours; a value that is not listed is refused row by row
    filters      their column → values; other rows are no part of the source
    """

    file: str
    columns: Table[str, str]
    constants: Table[str, str] = field(default_factory=dict)
    prefixes: Table[str, str] = field(default_factory=dict)
    values: Table[str, Table[str, str]] = field(default_factory=dict)
    joins: tuple[Join, ...] = ()
    filters: Table[str, tuple[str, ...]] = field(default_factory=dict)


@dataclass(frozen=True)
class LinesPart:
    """Lines from a file, or, with `part` None, one line per order that carries its total.

    order_column    their column that holds the orders file's own value of `external_id`
    split_by        their column that makes one order of ours per different value: a seller
    total           their columns whose sum over the lines is the order's total; () = the orders file has it
    check_total     refuse an order whose total is not Σ quantity × unit price
    """

    part: FilePart | None = None
    order_column: str = ""
    split_by: str = ""
    total: tuple[str, ...] = ()
    check_total: bool = False
    title: str = ""


@dataclass(frozen=True)
class LabelPart:
    """What proved true. Known at a column's moment, or `delay_days` after the order was placed.

    is_bad    their column; `bad` and `good` are its values, a blank is "not known yet"
    source    our label source, or "" if `columns` names one
    columns   "source", "occurred_at", "known_at" → their column
    """

    is_bad: str
    bad: tuple[str, ...]
    good: tuple[str, ...]
    source: str
    delay_days: int
    columns: Table[str, str]


@dataclass(frozen=True)
class MerchantsPart:
    """Who sells. `create` lets orders bring merchants along; `name` may use {ref}."""

    create: bool = False
    name: str = "{ref}"
    country: str = ""
    part: FilePart | None = None


@dataclass(frozen=True)
class ImportMapping:
    """How one source is read.

    money        "major" (12.34) or "minor" (1234) units
    time_zone    of moments that carry no offset
    rates        currency → base units per unit, exact; empty if the file carries base totals
    """

    name: str
    title: str
    content_hash: str
    time_zone: str
    money: str
    base_currency: str
    rates: Table[str, Decimal]
    orders: FilePart
    lines: LinesPart
    merchants: MerchantsPart
    label: LabelPart | None


def list_mappings() -> list[str]:
    """List the names of the mappings that are shipped."""
    return sorted(path.stem for path in MAPPINGS_FOLDER.glob("*.toml"))


def load_mapping(name: str) -> ImportMapping:
    """Return a shipped mapping by name, or the one of a TOML file by path; ImportRefused if it is wrong."""
    path = Path(name) if name.endswith(".toml") else MAPPINGS_FOLDER / f"{name}.toml"
    if not path.is_file():
        known = ", ".join(list_mappings())
        raise ImportRefused(f"There is no mapping “{name}”; there are {known}.", code="unknown_mapping")
    return parse_mapping(path.stem, path.read_text(encoding="utf-8"))


def parse_mapping(name: str, text: str) -> ImportMapping:
    """Return the mapping of a TOML text; ImportRefused names the key that is wrong."""
    try:
        content = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise _wrong(f"It is not TOML: {error}.") from None
    top = _Section("", content)
    base_currency, rates = _fx(top.section("fx"))
    mapping = ImportMapping(
        name=name,
        title=top.text("title"),
        content_hash=sha256(text.encode()).hexdigest(),
        time_zone=_zone(top.text("time_zone", "UTC")),
        money=top.choice("money", ("major", "minor")),
        base_currency=base_currency,
        rates=rates,
        orders=_file_part(top.section("orders"), ORDER_FIELDS),
        lines=_lines(top.section("lines")),
        merchants=_merchants(top.section("merchants")),
        label=_label(top.section("label")) if "label" in content else None,
    )
    top.finish()
    _check_whole(mapping)
    return mapping


def _check_whole(mapping: ImportMapping) -> None:
    orders, lines = mapping.orders, mapping.lines
    given = {*orders.columns, *orders.constants}
    needed = {"external_id", "currency", "placed_at", "status", "payment_status"}
    needed |= set() if lines.split_by else {"merchant_ref"}
    needed |= set() if lines.total else {"total"}
    if missing := sorted(needed - given):
        raise _wrong(f"[orders] does not say where “{missing[0]}” comes from.")
    if lines.part is None and (lines.split_by or lines.total or lines.check_total):
        raise _wrong("[lines] needs a file for split_by, total or check_total.")
    if not mapping.rates and not {"base_total", "fx_rate"} <= given:
        raise _wrong("[fx.rates] is needed where the file has no base_total and fx_rate.")
    for name, allowed in (("status", FINAL_STATUSES), ("payment_status", PAYMENT_STATUSES)):
        stated = [*orders.values.get(name, {}).values(), *filter(None, [orders.constants.get(name)])]
        if wrong := [value for value in stated if value not in allowed]:
            raise _wrong(f"“{wrong[0]}” is no {name} that an imported order can have.")


def _file_part(section: "_Section", fields: Iterable[str]) -> FilePart:
    part = FilePart(
        file=section.text("file"),
        columns=section.section("columns").texts(fields),
        constants=section.section("constants").texts(fields),
        prefixes=section.section("prefixes").texts(fields),
        values={name: table.texts() for name, table in section.section("values").sections(fields)},
        joins=tuple(_join(join) for join in section.tables("joins")),
        filters=section.section("filters").lists(),
    )
    section.finish()
    return part


def _join(section: "_Section") -> Join:
    join = Join(section.text("file"), section.text("left"), section.text("right"))
    section.finish()
    return join


def _lines(section: "_Section") -> LinesPart:
    if "file" not in section.content:
        lines = LinesPart(title=section.text("title", ""))
        section.finish()
        return lines
    lines = LinesPart(
        order_column=section.text("order_column"),
        split_by=section.text("split_by", ""),
        total=section.words("total"),
        check_total=section.flag("check_total", False),
        title=section.text("title", ""),
        part=_file_part(section, LINE_FIELDS),  # last: it refuses whatever has not been asked for
    )
    if lines.part and "unit_price" not in lines.part.columns:
        raise _wrong("[lines] does not say where “unit_price” comes from.")
    return lines


def _merchants(section: "_Section") -> MerchantsPart:
    create, name = section.flag("create", False), section.text("name", "{ref}")
    country = section.text("country", "")
    part = _file_part(section, MERCHANT_FIELDS) if "file" in section.content else None
    section.finish()
    return MerchantsPart(create, name, country, part)


def _label(section: "_Section") -> LabelPart:
    label = LabelPart(
        is_bad=section.text("is_bad"),
        bad=tuple(value.lower() for value in section.words("bad")) or ("true",),
        good=tuple(value.lower() for value in section.words("good")) or ("false",),
        source=section.text("source", ""),
        delay_days=section.number("delay_days", 0),
        columns=section.section("columns").texts({"source", "occurred_at", "known_at"}),
    )
    section.finish()
    if bool(label.source) == ("source" in label.columns):
        raise _wrong("[label] names either a source or a column for it.")
    if label.source and label.source not in LABEL_SOURCES:
        raise _wrong(f"“{label.source}” is no label source.")
    return label


def _fx(section: "_Section") -> tuple[str, dict[str, Decimal]]:
    base, rates = section.text("base", ""), {}
    for currency, text in section.section("rates").texts(EXPONENTS).items():
        try:
            rates[currency] = Decimal(text)
        except InvalidOperation:
            raise _wrong(f"The rate of {currency} is not a number.") from None
        if not 0 < rates[currency] < 10**6:
            raise _wrong(f"The rate of {currency} is out of range.")
    section.finish()
    return base, rates


def _zone(name: str) -> str:
    # Asked of Polars, which carries its own time zones: a slim container has none.
    try:
        pl.Series([], dtype=pl.Datetime("us")).dt.replace_time_zone(name)
    except pl.exceptions.PolarsError:
        raise _wrong(f"There is no time zone “{name}”.") from None
    return name


class _Section:
    """One table of the TOML file; whatever is not asked for is refused by `finish`."""

    def __init__(self, path: str, content: Table[str, Any]) -> None:
        self.path = path
        self.content = content
        self._asked: set[str] = set()

    def text(self, key: str, default: str | None = None) -> str:
        return self._value(key, str, "a text", default)

    def flag(self, key: str, default: bool) -> bool:
        return self._value(key, bool, "true or false", default)

    def number(self, key: str, default: int) -> int:
        return self._value(key, int, "a whole number", default)

    def words(self, key: str) -> tuple[str, ...]:
        return tuple(map(str, self._value(key, list, "a list", [])))

    def choice(self, key: str, allowed: tuple[str, ...]) -> str:
        value = self.text(key)
        if value not in allowed:
            raise _wrong(f"“{self._name(key)}” is one of {', '.join(allowed)}, not “{value}”.")
        return value

    def section(self, key: str) -> "_Section":
        return _Section(self._name(key), self._value(key, dict, "a table", {}))

    def tables(self, key: str) -> list["_Section"]:
        entries = self._value(key, list, "a list of tables", [])
        return [_Section(self._name(key), entry) for entry in entries]

    def sections(self, allowed: Iterable[str]) -> list[tuple[str, "_Section"]]:
        self._refuse_others(set(allowed))
        return [(key, self.section(key)) for key in self.content]

    def texts(self, allowed: Iterable[str] | None = None) -> dict[str, str]:
        if allowed is not None:
            self._refuse_others(set(allowed))
        return {key: self.text(key) for key in self.content}

    def lists(self) -> dict[str, tuple[str, ...]]:
        return {key: self.words(key) for key in self.content}

    def finish(self) -> None:
        self._refuse_others(self._asked)

    def _value(self, key: str, kind: type[Value], wanted: str, default: Value | None) -> Value:
        self._asked.add(key)
        value = self.content.get(key, default)
        if value is None:
            raise _wrong(f"“{self._name(key)}” is missing.")
        if not isinstance(value, kind):
            raise _wrong(f"“{self._name(key)}” has to be {wanted}.")
        return value

    def _refuse_others(self, allowed: set[str]) -> None:
        for key in self.content:
            if key not in allowed:
                near = get_close_matches(key, allowed, n=1)
                hint = f"; did you mean “{near[0]}”?" if near else "."
                raise _wrong(f"“{self._name(key)}” is not known{hint}")

    def _name(self, key: str) -> str:
        return f"{self.path}.{key}" if self.path else key


def _wrong(sentence: str) -> ImportRefused:
    return ImportRefused(f"The mapping is wrong. {sentence}", code="invalid_mapping")
