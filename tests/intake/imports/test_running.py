"""What an import writes, what it refuses, and that it may be run again."""

import csv
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from core.actors import SYSTEM
from core.fingerprints import fingerprint
from core.ids import moment_of
from core.models import AuditEntry, OutboxEvent, TransitionRecord
from intake.imports import ImportRefused, import_frames, run_import, running
from intake.imports.writing import choose_writer
from intake.models import ImportBatch, ImportStatus
from merchants.models import Merchant
from orders.models import Order, OrderKey, OrderLine
from orders.selectors import find_oldest_undecided
from risk.models import Label
from tests.intake.imports.sources import (
    AT,
    GOOD,
    HEADER,
    PLACED,
    known_bad,
    native_frames,
    native_lines,
    native_orders,
    shop_mapping,
    write_csv,
)
from tests.make import make_listing, make_merchant

pytestmark = pytest.mark.django_db


def load(path: Path, **options: Any) -> ImportBatch:
    return run_import(path, options.pop("mapping", None) or shop_mapping(), actor=SYSTEM, at=AT, **options)


def load_frames(frames: dict[str, pl.DataFrame]) -> ImportBatch:
    return import_frames(frames, "backoffice", actor=SYSTEM, at=AT)


def errors_of(batch: ImportBatch) -> list[dict[str, str]]:
    with batch.error_file.open("rb") as stream:
        return list(csv.DictReader(stream.read().decode().splitlines()))


def test_a_row_becomes_an_order_with_line_key_and_merchant(tmp_path: Path) -> None:
    batch = load(write_csv(tmp_path, GOOD))
    order = Order.objects.get()
    assert (batch.status, batch.rows_applied, order.import_batch_id) == (ImportStatus.COMPLETED, 1, batch.pk)
    assert (order.external_id, order.merchant.external_ref, order.status) == ("A1", "s1", "completed")
    assert (order.currency, order.total_minor, order.base_total_minor) == ("EUR", 1234, 9749)
    assert order.fx_rate == Decimal("7.9")
    assert order.occurred_at == order.known_at == datetime(2026, 2, 1, 9, 30, tzinfo=UTC)
    assert order.buyer_key == fingerprint("buyer", "c1")
    assert order.device_key is None
    assert (order.line_count, order.item_count) == (1, 1)
    line = OrderLine.objects.get()
    assert (line.order_id, line.number, line.quantity, line.unit_price_minor) == (order.pk, 1, 1, 1234)
    key = OrderKey.objects.get()
    assert (key.merchant_id, key.external_id, key.order_id) == (order.merchant_id, "A1", order.pk)
    assert moment_of(order.pk) == order.occurred_at


def test_moments_are_stored_as_the_orm_stores_them(tmp_path: Path) -> None:
    load(write_csv(tmp_path, GOOD, GOOD.replace("A1", "A2").replace("10:30:00", "10:30:00.250000")))
    moment = datetime(2026, 2, 1, 9, 30, tzinfo=UTC)
    assert Order.objects.get(occurred_at=moment).external_id == "A1"
    assert Order.objects.get(occurred_at=moment + timedelta(milliseconds=250)).external_id == "A2"
    assert Order.objects.filter(occurred_at__gt=moment).count() == 1


def test_imported_history_is_final_and_audited_once(tmp_path: Path) -> None:
    batch = load(write_csv(tmp_path, GOOD, GOOD.replace("A1", "A2")))
    assert find_oldest_undecided() is None
    assert OutboxEvent.objects.count() == TransitionRecord.objects.count() == 0
    entry = AuditEntry.objects.get()
    assert (entry.action, entry.subject_kind, entry.subject_id) == (
        "import.applied",
        "import_batch",
        batch.pk,
    )
    assert entry.detail["rows_applied"] == 2


@pytest.mark.parametrize(
    ("row", "column", "code"),
    [
        (GOOD.replace("12.34", "abc"), "Amount", "invalid_amount"),
        (GOOD.replace("12.34", ""), "Amount", "invalid_amount"),
        (GOOD.replace("12.34", "-0.01"), "Amount", "negative_amount"),
        (GOOD.replace("12.34", "12.345"), "Amount", "too_many_decimals"),
        (GOOD.replace("12.34", "1e5"), "Amount", "invalid_amount"),
        (GOOD.replace("12.34", "99999999999999"), "Amount", "amount_too_large"),
        (GOOD.replace("EUR,12.34", "JPY,12.5"), "Amount", "too_many_decimals"),
        (GOOD.replace("EUR", "XXX"), "Currency", "unknown_currency"),
        (GOOD.replace("EUR", "USD"), "Currency", "no_rate"),
        (GOOD.replace("2026-02-01", "2027-02-01"), "Date", "in_future"),
        (GOOD.replace("2026-02-01", "1999-02-01"), "Date", "too_early"),
        (GOOD.replace("2026-02-01 10:30:00", "01/02/2026"), "Date", "invalid_time"),
        (GOOD.replace("2026-02-01 10:30:00", "2025-03-30 02:30:00"), "Date", "invalid_time"),
        (GOOD.replace("2026-02-01 10:30:00", ""), "Date", "missing"),
        (GOOD.replace("A1", ""), "No", "missing"),
        (GOOD.replace("A1", "9" * 65), "No", "too_long"),
        (GOOD.replace("s1", ""), "Shop", "missing"),
        (GOOD.replace("c1", "c\x001"), "Customer", "invalid_text"),
    ],
)
def test_a_bad_row_is_told_and_a_good_one_applied(tmp_path: Path, row: str, column: str, code: str) -> None:
    batch = load(write_csv(tmp_path, GOOD.replace("A1", "B1"), row))
    assert (batch.status, batch.rows_applied, batch.rows_failed) == ("completed_with_errors", 1, 1)
    problem = errors_of(batch)[0]
    assert (problem["row"], problem["file"], problem["column"], problem["code"]) == (
        "3",
        "orders.csv",
        column,
        code,
    )
    assert problem["message"].endswith(".")
    assert "B1" in Order.objects.get().external_id


def test_zero_is_a_valid_amount(tmp_path: Path) -> None:
    load(write_csv(tmp_path, GOOD.replace("12.34", "0"), GOOD.replace("A1", "A2").replace("12.34", "0.00")))
    assert list(Order.objects.values_list("total_minor", flat=True)) == [0, 0]


def test_the_same_file_again_changes_nothing(tmp_path: Path) -> None:
    path = write_csv(tmp_path, GOOD, GOOD.replace("A1", "A2"), GOOD.replace("EUR", "XXX").replace("A1", "A3"))
    load(path)
    before = list(Order.objects.order_by("pk").values())
    again = load(path)
    assert (again.rows_applied, again.rows_known, again.rows_failed) == (0, 2, 1)
    assert list(Order.objects.order_by("pk").values()) == before


def test_a_known_number_with_other_content_is_refused(tmp_path: Path) -> None:
    load(write_csv(tmp_path, GOOD))
    batch = load(write_csv(tmp_path, GOOD.replace("12.34", "12.35")))
    problems = errors_of(batch)
    assert {problem["code"] for problem in problems} == {"already_exists_different"}
    assert "total_minor" in {problem["column"] for problem in problems}
    assert (batch.rows_failed, Order.objects.get().total_minor) == (1, 1234)


def test_a_repeated_number_counts_once_per_merchant(tmp_path: Path) -> None:
    batch = load(write_csv(tmp_path, GOOD, GOOD.replace("s1", "s2"), GOOD.replace("12.34", "9.99")))
    assert [problem["code"] for problem in errors_of(batch)] == ["duplicate_id"]
    assert sorted(Order.objects.values_list("total_minor", flat=True)) == [1234, 1234]


def test_a_missing_column_is_refused_before_anything_is_written(tmp_path: Path) -> None:
    path = write_csv(tmp_path, GOOD, header=HEADER.replace("Amount", "Amnt"))
    with pytest.raises(ImportRefused, match=r"no column “Amount”.*“Amnt”") as refusal:
        load(path)
    assert (refusal.value.code, refusal.value.extra["column"]) == ("missing_column", "Amount")
    assert (ImportBatch.objects.count(), Merchant.objects.count()) == (0, 0)


def test_an_unknown_merchant_is_refused_where_creation_is_off(tmp_path: Path) -> None:
    make_merchant(external_ref="s1")
    mapping = shop_mapping(**{"create = true": "create = false"})
    batch = load(write_csv(tmp_path, GOOD, GOOD.replace("s1", "s2")), mapping=mapping)
    assert [problem["code"] for problem in errors_of(batch)] == ["unknown_merchant"]
    assert Order.objects.get().merchant.external_ref == "s1"


def test_a_dry_run_writes_nothing_and_counts_everything(tmp_path: Path) -> None:
    batch = load(write_csv(tmp_path, GOOD, GOOD.replace("EUR", "XXX").replace("A1", "A2")), dry_run=True)
    assert (batch.rows_applied, batch.rows_failed) == (1, 1)
    assert errors_of(batch)[0]["code"] == "unknown_currency"
    tables = (ImportBatch, Merchant, Order, OrderKey, AuditEntry)
    assert [model.objects.count() for model in tables] == [0] * len(tables)


def test_limit_reads_the_first_rows(tmp_path: Path) -> None:
    batch = load(write_csv(tmp_path, GOOD, GOOD.replace("A1", "A2")), limit=1)
    assert (batch.source_rows, batch.rows_applied, Order.objects.get().external_id) == (1, 1, "A1")


def test_cells_of_the_error_file_are_no_formulas(tmp_path: Path) -> None:
    row = GOOD.replace("c1", '"=HYPERLINK(""http://x"")"').replace("EUR", "@X").replace("12.34", "-5")
    problem = errors_of(load(write_csv(tmp_path, row)))[0]
    assert problem["Customer"] == '\'=HYPERLINK("http://x")'
    assert problem["Currency"] == "'@X"
    assert problem["Amount"] == "-5"


@pytest.mark.parametrize(
    ("content", "applied"),
    [
        (("﻿" + HEADER + "\n" + GOOD + "\n").encode(), 1),
        ((HEADER + "\r\n" + GOOD + "\r\n").encode(), 1),
        ((HEADER + '\nA1,"s ""1"",\nx",c1,EUR,12.34,2026-02-01\n').encode(), 1),
        ((HEADER + "\n").encode(), 0),
        ((f"{HEADER}\n\n{GOOD}\n\n").encode(), 1),
        ((HEADER + "\nA1,s1,c1,EUR,12.34,2026-02-01T10:30:00+02:00\n").encode(), 1),
    ],
    ids=[
        "byte-order mark",
        "carriage returns",
        "quotes and line breaks",
        "header only",
        "empty lines",
        "offset",
    ],
)
def test_csv_as_people_send_it(tmp_path: Path, content: bytes, applied: int) -> None:
    path = tmp_path / "orders.csv"
    path.write_bytes(content)
    batch = load(path)
    assert (batch.rows_applied, batch.rows_failed) == (applied, 0)


@pytest.mark.parametrize(
    ("content", "code"),
    [(b"", "empty_file"), (b"a,b\n1,\xff\n", "unreadable_file"), (b"a,b\n1,2,3\n", "unreadable_file")],
)
def test_what_is_no_csv_is_refused(tmp_path: Path, content: bytes, code: str) -> None:
    path = tmp_path / "orders.csv"
    path.write_bytes(content)
    with pytest.raises(ImportRefused) as refusal:
        load(path)
    assert refusal.value.code == code


@pytest.mark.parametrize("suffix", ["csv", "parquet", "xlsx"])
def test_every_format_gives_the_same_orders(tmp_path: Path, suffix: str) -> None:
    rows = [line.split(",") for line in (GOOD, GOOD.replace("A1", "007").replace("12.34", "5"))]
    frame = pl.DataFrame(rows, schema=HEADER.split(","), orient="row")
    path = tmp_path / f"orders.{suffix}"
    getattr(frame, {"csv": "write_csv", "parquet": "write_parquet", "xlsx": "write_excel"}[suffix])(path)
    load(path)
    assert set(Order.objects.values_list("external_id", "total_minor")) == {("A1", 1234), ("007", 500)}


def test_typed_parquet_columns_are_read_exactly(tmp_path: Path) -> None:
    frame = pl.DataFrame({
        "No": [1, 2], "Shop": [7.0, 7.0], "Customer": [2**62, 5], "Currency": ["EUR", "EUR"],
        "Amount": [57.16, 0.29], "Date": ["2026-02-01 10:30", "2026-02-01 00:00"],
    })  # fmt: skip
    path = tmp_path / "orders.parquet"
    frame.with_columns(pl.col("Date").str.to_datetime("%Y-%m-%d %H:%M")).write_parquet(path)
    load(path)
    found = Order.objects.order_by("external_id").values_list("external_id", "total_minor", "buyer_ref")
    assert list(found) == [("1", 5716, str(2**62)), ("2", 29, "5")]
    assert Merchant.objects.get().external_ref == "7"


def test_the_native_layout_keeps_everything_it_says() -> None:
    make_listing(merchant=make_merchant(external_ref="m1"), sku="sku-1")
    order = known_bad(market_order_id="K1", card_country="US", buyer_signed_up_at=PLACED - timedelta(days=3))
    batch = load_frames(native_frames(order, {"merchant_ref": "m2", "currency": "EUR", "fx_rate": 7.912345}))
    first, second = Order.objects.order_by("external_id")
    assert (batch.rows_applied, batch.labels_applied) == (2, 1)
    assert (first.market_order_id, first.card_country, first.item_count) == ("K1", "US", 2)
    assert first.device_key == fingerprint("device", "d1")
    assert first.buyer_signed_up_at == PLACED - timedelta(days=3)
    assert second.fx_rate == Decimal("7.912345")
    assert (second.merchant.name, second.merchant.country) == ("Second shop", "DE")
    lines = OrderLine.objects.order_by("order__external_id").values_list("title", "listing__sku")
    assert list(lines) == [("Tea", "sku-1"), ("Tea", None)]
    label = Label.objects.get()
    assert (label.subject_kind, label.subject_id, label.is_bad, label.source) == (
        "order",
        first.pk,
        True,
        "chargeback",
    )
    assert (label.merchant_id, label.card_key) == (first.merchant_id, first.card_key)
    assert label.known_at == PLACED + timedelta(days=12)


def test_a_label_that_arrives_later_joins_its_known_order() -> None:
    load_frames(native_frames({}, {}))
    batch = load_frames(native_frames(known_bad(), {}))
    assert (batch.rows_applied, batch.rows_known, batch.labels_applied) == (0, 2, 1)
    again = load_frames(native_frames(known_bad(is_bad=False), {}))
    assert again.problem_counts == {"already_exists_different": 1}
    assert Label.objects.get().is_bad


Change = Callable[[pl.DataFrame], pl.DataFrame]


@pytest.mark.parametrize(
    ("change", "code"),
    [
        (lambda lines: lines.head(1), "no_lines"),
        (lambda lines: lines.with_columns(quantity=pl.lit(0)), "invalid_number"),
        (lambda lines: lines.with_columns(unit_price_minor=pl.lit(-1, pl.Int64)), "negative_amount"),
        (lambda lines: lines.with_columns(unit_price_minor=pl.lit(7, pl.Int64)), "total_differs"),
        (lambda lines: pl.concat([lines, lines]), "duplicate_line"),
        (lambda lines: lines.with_columns(order_external_id=pl.lit("S9")), "no_order"),
    ],
    ids=["no lines", "no quantity", "negative price", "total differs", "same number twice", "no order"],
)
def test_bad_lines_cost_their_order(change: Change, code: str) -> None:
    orders = native_orders({}, {})
    good, other = native_lines(orders).head(1), native_lines(orders).tail(1)
    lines = good if code == "no_lines" else pl.concat([good, change(other)])
    batch = load_frames(native_frames({}, {}, lines=lines))
    assert code in batch.problem_counts
    assert [order.external_id for order in Order.objects.all()] == ["S0"]
    assert OrderLine.objects.count() == 1


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"status": "received"}, "unknown_value"),
        ({"payment_status": "maybe"}, "unknown_value"),
        ({"shipping_country": "China"}, "invalid_country"),
        ({"base_total_minor": -1}, "negative_amount"),
        ({"fx_rate": 0.0}, "invalid_rate"),
        ({"known_at": PLACED - timedelta(hours=1)}, "known_too_early"),
        (known_bad(label_source="rumour"), "unknown_value"),
        (known_bad(label_known_at=AT + timedelta(days=1)), "in_future"),
    ],
)
def test_native_rows_are_checked_too(change: dict[str, Any], code: str) -> None:
    batch = load_frames(native_frames(change, {}))
    assert batch.problem_counts == {code: 1}
    assert Order.objects.get().external_id == "S1"


def test_a_killed_import_is_completed_by_the_next_run(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(running, "CHUNK_ORDERS", 2)
    frames = native_frames({}, {}, {}, {}, {})

    def die_after_one_chunk(done: int, total: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        import_frames(frames, "backoffice", actor=SYSTEM, at=AT, progress=die_after_one_chunk)
    assert (Order.objects.count(), ImportBatch.objects.get().status) == (2, ImportStatus.FAILED)
    batch = load_frames(frames)
    assert (batch.rows_known, batch.rows_applied, batch.status) == (2, 3, ImportStatus.COMPLETED)
    assert Order.objects.count() == OrderKey.objects.count() == OrderLine.objects.count() == 5


def test_an_order_taken_between_look_and_write_is_looked_up_again(monkeypatch: pytest.MonkeyPatch) -> None:
    load_frames(native_frames({}))
    found = choose_writer().find_orders
    answers = iter([lambda wanted: found(wanted).clear()])
    writer = type(choose_writer())
    monkeypatch.setattr(writer, "find_orders", lambda self, wanted: next(answers, found)(wanted))
    batch = load_frames(native_frames({}, {}))
    assert (batch.rows_known, batch.rows_applied) == (1, 1)
    assert Order.objects.count() == 2


def test_progress_is_told_after_every_chunk(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(running, "CHUNK_ORDERS", 2)
    seen: list[tuple[int, int]] = []
    import_frames(
        native_frames({}, {}, {}), "backoffice", actor=SYSTEM, at=AT, progress=lambda *done: seen.append(done)
    )
    assert seen == [(2, 3), (3, 3)]
