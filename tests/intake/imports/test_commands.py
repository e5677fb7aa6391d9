"""The two commands, and a folder whose files are joined and split by seller."""

from io import StringIO
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from django.core.management import CommandError, call_command
from django.utils.translation import override

from core.actors import SYSTEM
from intake.imports import run_import
from intake.models import ImportBatch
from merchants.models import Merchant
from orders.models import Order, OrderLine
from risk.models import Label
from tests.intake.imports.sources import AT, GOOD, SHOP, write_csv

pytestmark = pytest.mark.django_db


def run(name: str, *args: object) -> str:
    out = StringIO()
    call_command(name, *map(str, args), stdout=out)
    return out.getvalue()


def write_olist(folder: Path) -> None:
    """Write purchases A (two sellers), B (no goods) and C (one seller, twice the same)."""
    tables: dict[str, dict[str, list[Any]]] = {
        "olist_orders_dataset": {
            "order_id": ["A", "B", "C"],
            "customer_id": ["1", "2", "3"],
            "order_status": ["shipped", "unavailable", "canceled"],
            "order_purchase_timestamp": ["2017-07-09 21:57:05"] * 3,
        },
        "olist_customers_dataset": {"customer_id": ["1", "3"], "customer_unique_id": ["u1", "u3"]},
        "olist_order_items_dataset": {
            "order_id": ["A", "A", "A", "C"],
            "order_item_id": [1, 2, 3, 1],
            "product_id": ["p1", "p2", "p1", "p1"],
            "seller_id": ["s1", "s2", "s1", "s1"],
            "price": [10.0, 20.5, 10.0, 10.0],
            "freight_value": [1.25, 0.0, 1.25, 3.1],
        },
        "olist_products_dataset": {"product_id": ["p1"], "product_category_name": ["bebes"]},
    }
    for name, columns in tables.items():
        pl.DataFrame(columns).write_parquet(folder / f"{name}.parquet")


def test_a_purchase_of_two_sellers_becomes_two_orders(tmp_path: Path) -> None:
    write_olist(tmp_path)
    batch = run_import(tmp_path, "olist", actor=SYSTEM, at=AT)
    assert (batch.source_rows, batch.rows_total, batch.rows_applied, batch.rows_failed) == (3, 4, 3, 1)
    assert batch.problem_counts == {"no_lines": 1}
    orders = Order.objects.order_by("external_id", "merchant__external_ref")
    found = orders.values_list(
        "market_order_id", "merchant__external_ref", "total_minor", "item_count", "status"
    )
    assert list(found) == [
        ("A", "s1", 2250, 2, "shipped"),
        ("A", "s2", 2050, 1, "shipped"),
        ("C", "s1", 1310, 1, "cancelled"),
    ]
    assert Merchant.objects.get(external_ref="s1").name == "Olist seller s1"
    assert set(OrderLine.objects.values_list("title", flat=True)) == {"bebes", ""}
    assert orders[0].base_total_minor == 4770
    assert orders[0].buyer_ref == "u1"


def test_the_handbook_mapping_delays_its_labels(tmp_path: Path) -> None:
    path = tmp_path / "transactions.csv"
    path.write_text(
        "TRANSACTION_ID,TX_DATETIME,CUSTOMER_ID,TERMINAL_ID,TX_AMOUNT,TX_FRAUD\n"
        "0,2018-04-01 00:00:31,596,3156,57.16,0\n"
        "1,2018-04-01 00:02:10,4961,3412,0,1\n"
    )
    assert "2 orders applied" in run("import_orders", path, "--mapping", "fraud_handbook")
    labels = Label.objects.order_by("occurred_at")
    placed = Order.objects.order_by("occurred_at").values_list("occurred_at", flat=True)
    assert [label.is_bad for label in labels] == [False, True]
    assert [(label.known_at - at).days for label, at in zip(labels, placed, strict=True)] == [7, 7]
    assert Merchant.objects.filter(external_ref="handbook-3156", name="Terminal handbook-3156").exists()


def test_the_command_prints_what_happened_and_where_the_errors_are(tmp_path: Path) -> None:
    mapping = tmp_path / "shop.toml"
    mapping.write_text(SHOP)
    path = write_csv(tmp_path, GOOD, GOOD.replace("A1", "A2").replace("12.34", "x"))
    printed = run("import_orders", path, "--mapping", mapping)
    assert "2 rows read: 1 orders applied, 0 unchanged, 1 refused" in printed
    assert "1 × invalid_amount" in printed
    assert ImportBatch.objects.get().error_file.path in printed


@pytest.mark.parametrize(
    ("path", "sentence"),
    [("nowhere.csv", "There is no file"), (".", "The file “orders”"), ("x.txt", "none of")],
)
def test_the_command_refuses_in_one_sentence(tmp_path: Path, path: str, sentence: str) -> None:
    (tmp_path / "x.txt").write_text("x")
    with pytest.raises(CommandError, match=sentence):
        run("import_orders", tmp_path / path, "--mapping", "backoffice")
    assert ImportBatch.objects.count() == 0


@pytest.mark.slow
def test_a_simulated_marketplace_is_written_and_loaded(tmp_path: Path) -> None:
    printed = run("simulate", "--orders", 1000, "--seed", 7, "--out", tmp_path / "sample", "--load")
    assert "1,000 orders applied, 0 unchanged, 0 refused" in printed
    assert (tmp_path / "sample" / "orders.parquet").is_file()
    assert Order.objects.count() == 1000
    assert Label.objects.filter(is_bad=True).exists()


def test_the_error_file_speaks_the_reader_s_language(tmp_path: Path) -> None:
    mapping = tmp_path / "shop.toml"
    mapping.write_text(SHOP)
    path = write_csv(tmp_path, GOOD.replace("12.34", "-1"))
    with override("zh-hans"):
        batch = run_import(path, str(mapping), actor=SYSTEM, at=AT)
    assert "“Amount”为负数。" in batch.error_file.read().decode()
