"""Merchants and listings of an import: found by their reference, created where the mapping allows it."""

from datetime import datetime

import polars as pl
from django.db.models import Exists, OuterRef

from catalog.models import Listing
from core.ids import new_ids
from merchants.models import Merchant, MerchantStatus
from orders.models import OrderKey

from . import reading
from .mapping import FilePart, ImportMapping
from .refusals import ImportRefused

_KNOWN_SCHEMA = pl.Schema({"merchant_ref": pl.String, "merchant_id": pl.Int64, "had_orders": pl.Boolean})
_LISTING_SCHEMA = pl.Schema({"merchant_id": pl.Int64, "listing_ref": pl.String, "listing_id": pl.Int64})
_LOOKUP_CHUNK = 500  # below SQLite's limit of bound values in every version


class Directory:
    """Which merchant has which reference; grows as merchants are found or created."""

    def __init__(self, mapping: ImportMapping, *, at: datetime) -> None:
        self._mapping = mapping
        self._at = at
        self._known = _KNOWN_SCHEMA.to_frame()

    def create_listed(self, merchants: pl.DataFrame) -> int:
        """Create the merchants of the source's own merchants file that are not there yet; return how many."""
        part = self._mapping.merchants.part
        assert part is not None
        return self._create_missing(_conform(merchants, part, self._mapping.time_zone))

    def resolve(self, orders: pl.DataFrame) -> pl.DataFrame:
        """Return the orders with merchant_id, null where no merchant is there and none may be created.

        `had_orders` says whether the merchant had any when this import first met it.
        """
        missing = self._missing(orders.select("merchant_ref").unique())
        if self._mapping.merchants.create and not missing.is_empty():
            first = orders.group_by("merchant_ref").agg(joined_at=pl.col("occurred_at").min())
            self._create_missing(missing.join(first, on="merchant_ref"))
        return orders.join(self._known, on="merchant_ref", how="left", maintain_order="left")

    def forget(self) -> None:
        """Drop what was learnt: the transaction that created some of them was rolled back."""
        self._known = _KNOWN_SCHEMA.to_frame()

    def _missing(self, references: pl.DataFrame) -> pl.DataFrame:
        unseen = references.join(self._known, on="merchant_ref", how="anti")
        self._known = pl.concat([self._known, _find_merchants(unseen["merchant_ref"])])
        return unseen.join(self._known, on="merchant_ref", how="anti")

    def _create_missing(self, merchants: pl.DataFrame) -> int:
        missing = merchants.join(
            self._missing(merchants.select("merchant_ref")), on="merchant_ref", how="semi"
        )
        # Somebody else may create the same one meanwhile; theirs counts, hence the second look-up.
        Merchant.objects.bulk_create(self._build(missing), batch_size=1_000, ignore_conflicts=True)
        self._missing(missing.select("merchant_ref"))
        return missing.height

    def _build(self, merchants: pl.DataFrame) -> list[Merchant]:
        part = self._mapping.merchants
        moments = merchants["joined_at"].fill_null(self._at)
        ids = new_ids(moments.dt.epoch("ms").to_numpy()).tolist()
        return [
            Merchant(
                id=id,
                external_ref=row["merchant_ref"],
                name=(row.get("name") or part.name.format(ref=row["merchant_ref"]))[:200],
                country=row.get("country") or part.country,
                status=MerchantStatus.ACTIVE,
                joined_at=row["joined_at"] or self._at,
            )
            for id, row in zip(ids, merchants.iter_rows(named=True), strict=True)
        ]


def read_listings(mapping: ImportMapping) -> pl.DataFrame:
    """Return merchant_id, listing_ref and listing_id of every listing; empty if the lines name none."""
    part = mapping.lines.part
    if part is None or "listing_ref" not in part.columns:
        return _LISTING_SCHEMA.to_frame()
    rows = Listing.objects.values_list("merchant_id", "sku", "id").iterator(chunk_size=10_000)
    return pl.DataFrame(list(rows), schema=_LISTING_SCHEMA, orient="row")


def _find_merchants(references: pl.Series) -> pl.DataFrame:
    had_orders = Exists(OrderKey.objects.filter(merchant_id=OuterRef("pk")))
    found: list[tuple[str | None, int, bool]] = []
    for start in range(0, len(references), _LOOKUP_CHUNK):
        wanted = references.slice(start, _LOOKUP_CHUNK).to_list()
        merchants = Merchant.objects.filter(external_ref__in=wanted)
        found += merchants.values_list("external_ref", "id", had_orders)
    return pl.DataFrame(found, schema=_KNOWN_SCHEMA, orient="row")


def _conform(merchants: pl.DataFrame, part: FilePart, time_zone: str) -> pl.DataFrame:
    """Return merchant_ref, name, country and joined_at; the first row of each reference counts."""
    columns, schema = part.columns, merchants.schema

    def text(name: str) -> pl.Expr:
        column = columns.get(name)
        return reading.as_text(pl.col(column), schema[column]) if column else pl.lit(None, pl.String)

    joined = columns.get("joined_at")
    rows = merchants.select(
        merchant_ref=pl.lit(part.prefixes.get("merchant_ref", "")) + text("merchant_ref"),
        name=text("name"),
        country=text("country"),
        joined_at=reading.as_moment(pl.col(joined), schema[joined], time_zone)
        if joined
        else pl.lit(None, pl.Datetime("us", "UTC")),
    )
    if wrong := rows.filter(
        (pl.col("merchant_ref").str.len_chars() > 64) | (pl.col("country").str.len_chars() > 2)
    ).height:
        raise ImportRefused(
            f"{part.file} has {wrong} merchants with a reference or country that is too long."
        )
    return rows.drop_nulls("merchant_ref").unique("merchant_ref", keep="first", maintain_order=True)
