"""The published protocol sees nothing that was not known at the time, on transactions made here."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import numpy as np
import polars as pl
import pytest
from django.db.models import F, Q

from benchmarks import handbook
from benchmarks.fraud_handbook import metrics_of
from benchmarks.handbook import Figures, History, Inputs
from core.actors import SYSTEM
from intake.imports import import_frames
from ml.arrays import Floats, Ints
from ml.protocols import (
    HANDBOOK_LOGISTIC,
    HANDBOOK_PLAIN,
    HANDBOOK_STUDY,
    HANDBOOK_TEST_DAYS,
    HANDBOOK_VALIDATION_DAYS,
    DelayedSplit,
    Study,
)
from orders.models import Order
from risk.facts.history import read_order_labels, read_orders
from risk.models import Label

BEGIN = datetime(2018, 4, 1, tzinfo=UTC)
DAYS, PER_DAY, CARDS, TERMINALS = 46, 90, 250, 25
FIRST_DAY = 24
SPLIT = DelayedSplit(first_day=(BEGIN - datetime(1970, 1, 1, tzinfo=UTC)).days + FIRST_DAY)
NOW = BEGIN + timedelta(days=FIRST_DAY + 17, hours=12)  # in the middle of the test week


def quick(study: Study) -> Study:
    return replace(study, recipe=replace(study.recipe, max_rounds=12, seeds=(1, 2)))


STUDIES = {"ours": quick(HANDBOOK_STUDY), "plain": quick(HANDBOOK_PLAIN), "logistic": HANDBOOK_LOGISTIC}


def make_transactions() -> pl.DataFrame:
    """Return transactions in the book's columns: some terminals are compromised, large amounts are frauds."""
    random, count = np.random.default_rng(5), DAYS * PER_DAY
    seconds = np.sort(random.integers(0, DAYS * 86_400, count))
    terminal, card = random.integers(0, TERMINALS, count), random.integers(0, CARDS, count)
    amount = np.round(random.gamma(2.0, 30.0, count) + 0.01, 2)
    is_compromised = (terminal + seconds // (10 * 86_400)) % 12 == 0
    is_bad = (amount > 180) | (is_compromised & (random.random(count) < 0.8))
    return pl.DataFrame(
        {
            "TRANSACTION_ID": np.arange(count),
            "TX_DATETIME": [BEGIN + timedelta(seconds=second) for second in seconds.tolist()],
            "CUSTOMER_ID": card,
            "TERMINAL_ID": terminal,
            "TX_AMOUNT": amount,
            "TX_FRAUD": is_bad.astype(np.int64),
        }
    )


@pytest.fixture
def _imported() -> None:
    frames = {"transactions": make_transactions()}
    import_frames(frames, "fraud_handbook", actor=SYSTEM, at=BEGIN + timedelta(days=90))


def read_history() -> History:
    later = BEGIN + timedelta(days=90)
    return History(read_orders(before=later), read_order_labels(before=later))


def scores_of(study: Study) -> tuple[Ints, Floats, Floats]:
    """Return ids, inputs and scores of the test rows that arrived up to NOW, from the tables as they are."""
    history = read_history()
    inputs = Inputs.compute(history, [SPLIT], [study])
    rows = history.test_rows(SPLIT)
    scores = handbook.score(history, inputs, SPLIT, study)
    is_past = history.orders.events.known_at[rows] <= round(NOW.timestamp() * 1_000_000)
    seen = rows[is_past]
    return history.orders.events.ids[seen], inputs.of(seen, study.features), scores[is_past]


@pytest.mark.django_db
@pytest.mark.usefixtures("_imported")
@pytest.mark.parametrize("study", STUDIES.values(), ids=STUDIES)
def test_scores_do_not_move_when_the_future_is_shuffled(study: Study) -> None:
    ids, inputs, scores = scores_of(study)
    assert len(ids) > 150
    assert len(np.unique(scores)) > 50
    later_orders, later_labels = (
        Order.objects.filter(known_at__gte=NOW),
        Label.objects.filter(known_at__gte=NOW),
    )
    assert later_orders.count() > 300
    assert later_labels.count() > 900
    later_orders.update(base_total_minor=F("base_total_minor") * 7 + 1, buyer_key=F("buyer_key") / 2)
    later_labels.update(is_bad=~Q(is_bad=True), merchant_id=Order.objects.earliest("pk").merchant_id)

    again, inputs_again, scores_again = scores_of(study)
    np.testing.assert_array_equal(ids, again)
    np.testing.assert_array_equal(inputs, inputs_again)
    np.testing.assert_array_equal(scores, scores_again)


@pytest.mark.django_db
@pytest.mark.usefixtures("_imported")
@pytest.mark.parametrize(
    ("what", "since"),
    [("labels", timedelta(days=6)), ("orders", timedelta(days=1))],
    ids=["labels", "orders"],
)
def test_what_was_known_does_move_them(what: str, since: timedelta) -> None:
    """Without this, the shuffled future could be one that nothing reads."""
    ids, inputs, scores = scores_of(STUDIES["ours"])
    if what == "labels":
        Label.objects.filter(known_at__gte=NOW - since, known_at__lt=NOW).update(is_bad=~Q(is_bad=True))
    else:
        recent = Order.objects.filter(known_at__gte=NOW - since, known_at__lt=NOW)
        recent.update(base_total_minor=F("base_total_minor") * 7 + 1)
    again, inputs_again, scores_again = scores_of(STUDIES["ours"])
    _, before, after = np.intersect1d(ids, again, return_indices=True)  # a card may have become known
    assert len(before) > 50
    assert not np.array_equal(inputs[before], inputs_again[after], equal_nan=True)
    assert (scores[before] != scores_again[after]).any()


@pytest.mark.django_db
@pytest.mark.usefixtures("_imported")
def test_a_label_that_comes_after_training_is_not_trained_on() -> None:
    rows, is_bad = read_history().training_rows(SPLIT)
    assert len(rows) > 500
    assert is_bad.any()
    begin = BEGIN + timedelta(days=FIRST_DAY)
    bad = Label.objects.filter(
        is_bad=True, subject_occurred_at__gte=begin, subject_occurred_at__lt=begin + timedelta(days=7)
    )
    late = bad.update(known_at=BEGIN + timedelta(days=FIRST_DAY + 14, microseconds=1))
    kept, is_bad_now = read_history().training_rows(SPLIT)
    assert len(rows) - len(kept) == late == is_bad.sum()
    assert not is_bad_now.any()


def test_settings_were_chosen_before_any_test_week_began() -> None:
    chosen = [DelayedSplit(first_day=_day(day)) for day in HANDBOOK_VALIDATION_DAYS]
    judged = [DelayedSplit(first_day=_day(day)) for day in HANDBOOK_TEST_DAYS]
    last_seen = max(split.first_test_day + split.test_days - 1 for split in chosen)
    assert last_seen < min(split.first_test_day for split in judged)


def test_metrics_are_means_with_their_deviation_and_the_steps_before() -> None:
    ours = [Figures(0.88, 0.70, 0.30), Figures(0.90, 0.74, 0.32)]
    logistic = [Figures(0.80, 0.60, 0.20)] * 2
    metrics = metrics_of({"logistic": logistic, "": ours})
    assert metrics == {
        "auc": 0.89,
        "auc_sd": 0.01,
        "average_precision": 0.72,
        "average_precision_sd": 0.02,
        "card_precision_100": 0.31,
        "card_precision_100_sd": 0.01,
        "logistic_auc": 0.8,
        "logistic_auc_sd": 0.0,
        "logistic_average_precision": 0.6,
        "logistic_average_precision_sd": 0.0,
        "logistic_card_precision_100": 0.2,
        "logistic_card_precision_100_sd": 0.0,
    }


def _day(text: str) -> int:
    return int(np.datetime64(text, "D").astype(np.int64))


def test_inputs_keep_their_rows_and_columns() -> None:
    inputs = Inputs(("a", "b"), np.array([3, 5, 9]), np.array([[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]]))
    names: Sequence[str] = ("b", "a")
    assert inputs.of(np.array([9, 3]), names).tolist() == [[6.0, 5.0], [2.0, 1.0]]
