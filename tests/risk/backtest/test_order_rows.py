"""Parts of history answer what the whole would: nothing that counts is out of their reach."""

from datetime import datetime, timedelta
from typing import Any

import polars as pl
import pytest
from polars.testing import assert_frame_equal

from risk.backtest.frames import Batch, Groups, microseconds_of
from risk.backtest.order_rows import OrderRows
from risk.live import find_champion
from risk.schemas import schema_of
from tests.make import NOON, make_model
from tests.risk.backtest.histories import make_history

pytestmark = pytest.mark.django_db
PAUSES = (timedelta(minutes=3), timedelta(days=2), timedelta(days=11), timedelta(0))
END = NOON + timedelta(days=2_000)


def read_all(since: datetime, until: datetime, **fields: Any) -> list[Batch]:
    rows = OrderRows(
        since=since,
        until=until,
        labels_before=END,
        rule_fields=schema_of("order").fields,
        champion=find_champion("order"),
        beat=lambda: None,
        **fields,
    )
    batches, at = [], microseconds_of(since)
    while (batch := rows.read(at, lambda: None)) is not None:
        batches.append(batch)
        at = batch.until
    assert sum(map(len, batches)) == rows.total
    return batches


def test_parts_and_shorter_periods_see_what_the_whole_sees() -> None:
    make_model()
    orders = make_history(90, decided=0.2, pauses=PAUSES)
    (whole,) = read_all(NOON, END)
    assert len(whole) == len(orders)
    parts = read_all(NOON, END, part_rows=7)
    assert len(parts) > 8
    assert_frame_equal(pl.concat([part.frame for part in parts]), whole.frame)

    middle = orders[60].known_at
    (later,) = read_all(middle, END)
    assert 0 < len(later) < len(whole)
    assert_frame_equal(later.frame, whole.frame.tail(len(later)))
    assert later.ids.tolist() == whole.ids[-len(later) :].tolist()


def test_rows_of_one_moment_stay_together() -> None:
    make_history(12, decided=0.0, pauses=(timedelta(0),))
    (batch,) = read_all(NOON, END, part_rows=5)
    assert len(batch) == 12


@pytest.mark.parametrize("rows", [0, 3])
def test_groups_name_what_is_not_known(rows: int) -> None:
    groups = Groups.of_texts(["DE", "", "CN"][:rows])
    assert [groups.names[code] for code in groups.codes] == ["DE", "", "CN"][:rows]
    assert groups.names[-1] == ""
