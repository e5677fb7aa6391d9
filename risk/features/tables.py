"""Where the events of each source and their rollups are stored: names of tables and columns, nothing else."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from risk.features.declarations import Entity, Source


class Dialect(StrEnum):
    """Database engines, by Django's vendor names."""

    POSTGRESQL = "postgresql"
    SQLITE = "sqlite"


@dataclass(frozen=True)
class Table:
    """Where a source's events are stored; names of columns, or SQL on them.

    fields           what filters may mention → SQL, NULL where missing
    scope            the condition that makes a row an event of this source; "" if every row is one
    superseded_at    when a correction became known; null while the row stands
    """

    name: str
    occurred_at: str
    known_at: str
    keys: Mapping[Entity, str]
    amount_minor: str | None = None
    fields: Mapping[str, str] = field(default_factory=dict)
    scope: str = ""
    superseded_at: str | None = None

    @property
    def has_late_events(self) -> bool:
        """Whether an event can become known long after it occurred, and is found by a partial index."""
        return self.superseded_at is None


ORDER_KEYS = {
    Entity.BUYER: "buyer_key",
    Entity.DEVICE: "device_key",
    Entity.CARD: "card_key",
    Entity.ADDRESS: "address_key",
    Entity.IP: "ip_key",
    Entity.MERCHANT: "merchant_id",
}
LABEL_KEYS = {
    entity: ORDER_KEYS[entity] for entity in (Entity.BUYER, Entity.DEVICE, Entity.CARD, Entity.MERCHANT)
}
OUTCOME_KEYS = {entity: ORDER_KEYS[entity] for entity in (Entity.BUYER, Entity.MERCHANT)}
ORDER_FIELDS = {
    "amount_minor": "base_total_minor",
    "line_count": "nullif(line_count, 0)",
    "item_count": "nullif(item_count, 0)",
    "currency": "nullif(currency, '')",
    "card_country": "nullif(card_country, '')",
    "shipping_country": "nullif(shipping_country, '')",
    "billing_country": "nullif(billing_country, '')",
    "has_device": "(device_key IS NOT NULL)",
    "has_card": "(card_key IS NOT NULL)",
}

TABLES: Mapping[Source, Table] = {
    Source.ORDERS: Table(
        "orders_order", "occurred_at", "known_at", ORDER_KEYS, "base_total_minor", ORDER_FIELDS
    ),
    # A label occurs when it becomes known, so its window reads the index (entity, known_at).
    Source.LABELS: Table(
        "risk_label",
        "known_at",
        "known_at",
        LABEL_KEYS,
        fields={"is_bad": "is_bad"},
        scope="subject_kind = 'order'",
        superseded_at="superseded_at",
    ),
    Source.OUTCOMES: Table(
        "risk_label",
        "subject_occurred_at",
        "known_at",
        OUTCOME_KEYS,
        fields={"is_bad": "is_bad"},
        scope="subject_kind = 'order'",
        superseded_at="superseded_at",
    ),
}

ROLLUPS, BUCKETS, PAIRS = "risk_rollup", "risk_rollupbucket", "risk_rolluppair"
# An order that becomes known longer after it was placed than this is late: a partial index finds it. What
# arrives on time is read again for as long.
LATENESS = "interval '2 minutes'"
# How an order's amount is split, so that sums of squares stay exact in 64 bits: 10**12, the largest amount of
# an order, is 10**6 × 10**6, and nine million such squares fit.
HALF = 1_000_000
