"""A hundred rules over a million orders beside a loop row by row, and with velocity from raw orders.

`seconds` is everything after the columns are there: conditions of the tried and the live ruleset
(which share nine of ten), policy, and all sums of a result. The loop runs the same compiled rules
and policy of both rulesets over some of the rows, and its time per row is extrapolated to all.
`velocity_seconds` starts from a million raw orders of the sample marketplace: their references are
hashed, twenty velocity features computed as of each order, and rules on them judged and summed up.
"""

import argparse
import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl

from benchmarks.harness import Report, Rows, peak_rss_mb, stopwatch
from risk.backtest.costs import Costs
from risk.backtest.costs import report as cost_report
from risk.backtest.frames import Batch, Groups
from risk.backtest.judging import JointJudge
from risk.backtest.running import judge_batch
from risk.backtest.tally import Tally, sum_up
from risk.backtest.trials import Trial
from risk.features.columns import Events, Keys, Questions
from risk.features.declarations import (
    DAY,
    HOUR,
    MONTH,
    WEEK,
    Entity,
    Feature,
    Source,
    Statistic,
    amount_statistic,
    distinct_count,
    order_count,
)
from risk.features.setwise import compute_columns
from risk.policy import Thresholds, choose_outcome
from risk.rules.engine import Effect, RuleDefinition, compile_ruleset
from risk.rules.schema import Field, FieldType, Schema
from risk.rulesets import LiveRuleset, Policy, hash_of
from simulation.marketplace import plan_marketplace

_SEED = 20_261_126
_PART = 250_000  # rows judged at once, as a backtest's parts are
_POLICY = Policy(Thresholds(review_at=0.15, decline_at=0.85, points_review_at=60, points_decline_at=150))
_COUNTRIES = ("CN", "US", "DE", "GB", "FR", "JP", "IT")
_NUMBERS, _TEXTS, _FLAGS = 40, 10, 10
_SCHEMA = Schema(
    "order",
    (
        *(Field(f"number{number}", FieldType.NUMBER) for number in range(_NUMBERS)),
        *(Field(f"text{number}", FieldType.TEXT) for number in range(_TEXTS)),
        *(Field(f"flag{number}", FieldType.BOOL) for number in range(_FLAGS)),
    ),
)
_VELOCITY: tuple[Feature, ...] = (
    *(
        order_count(entity, window)
        for entity in (Entity.CARD, Entity.DEVICE, Entity.BUYER)
        for window in (HOUR, DAY)
    ),
    *(order_count(entity, WEEK) for entity in (Entity.IP, Entity.ADDRESS, Entity.MERCHANT)),
    *(
        amount_statistic(entity, Statistic.SUM, window)
        for entity in (Entity.CARD, Entity.BUYER)
        for window in (DAY, MONTH)
    ),
    amount_statistic(Entity.MERCHANT, Statistic.SUM, WEEK),
    distinct_count(Entity.DEVICE, Entity.CARD, DAY),
    distinct_count(Entity.CARD, Entity.DEVICE, DAY),
    distinct_count(Entity.CARD, Entity.MERCHANT, DAY),
    distinct_count(Entity.IP, Entity.CARD, HOUR),
    distinct_count(Entity.ADDRESS, Entity.BUYER, WEEK),
    distinct_count(Entity.BUYER, Entity.CARD, WEEK),
)

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--rules", type=int, default=100)
    parser.add_argument("--loop-rows", type=int, default=20_000, help="rows of the loop row by row")
    parser.add_argument("--orders", type=int, default=1_000_000, help="raw orders of the velocity part")
    parser.add_argument("--repeats", type=int, default=3, help="the best counts")


def run(options: argparse.Namespace) -> Report:
    trial = _trial(_SCHEMA, _rules(options.rules), _rules(options.rules, changed=options.rules // 10))
    batches = list(_random_batches(options.rows))
    seconds = min(_time_backtest(trial, batches) for _ in range(options.repeats))
    memory_of_rules = peak_rss_mb()
    per_row = _time_loop(trial, batches[0], options.loop_rows)
    del batches
    velocity = _time_velocity(options.orders)
    speedup = per_row * options.rows / seconds
    return Report(
        metrics={
            "seconds": round(seconds, 3),
            "rows_per_s": round(options.rows / seconds),
            "speedup_over_row_by_row": round(speedup, 1),
            "velocity_seconds": round(velocity["in all"], 2),
            "peak_rss_mb": peak_rss_mb(),
        },
        tables=[
            Rows(
                f"{options.rules} rules × {options.rows:,} rows, against a live ruleset",
                ("", "seconds", "rows per second"),
                [
                    ("columns: rules, policy and all sums", seconds, options.rows / seconds),
                    (f"row by row, from {options.loop_rows:,} rows", per_row * options.rows, 1 / per_row),
                    ("times as fast", speedup, None),
                ],
            ),
            Rows(
                f"{options.orders:,} raw orders, {len(_VELOCITY)} velocity features recomputed",
                ("step", "seconds"),
                list(velocity.items()),
            ),
        ],
        notes={
            "rows": options.rows,
            "orders": options.orders,
            "loop_rows_extrapolated_from": options.loop_rows,
            "peak_rss_mb_of_rules_alone": memory_of_rules,
        },
    )


# ── Rules over columns ───────────────────────────────────────────────────────────────────────────
def _rules(count: int, *, changed: int = 0) -> list[RuleDefinition]:
    """Mix what analysts write: bounds, combinations, countries, sums, shares, what is missing.

    changed    of the first so many, another input is asked
    """
    made: list[RuleDefinition] = []
    for number in range(count):
        first = 3 if number >= changed else 4
        one, two, three = (f"number{(number * step + first) % _NUMBERS}" for step in (1, 7, 11))
        text, other = f"text{number % _TEXTS}", f"text{(number + 3) % _TEXTS}"
        flag = f"flag{number % _FLAGS}"
        bound = round(number / 100, 2)  # its own, so that no two rules ask the same
        condition = (
            f"{one} > {2 + bound} and {flag}",
            f"{one} > {1 + bound} and {two} > 1.5 and {three} < 0.5",
            f"{text} != {other} and {one} > {2 + bound}",
            f"{text} in ['US', 'GB', 'JP'] and {two} > {1.5 + bound} and not {flag}",
            f"{one} + {two} > {6 + bound} or {three} > 6",
            f"{one} / {two} > {40 + bound} and {flag} is missing",
            f"default({one}, 0) > {3 + bound} and {text} == 'CN'",
            f"{one} is missing and {two} > {2.5 + bound}",
        )[number % 8]
        effect = (Effect.POINTS, Effect.POINTS, Effect.REVIEW, Effect.POINTS, Effect.DECLINE)[number % 5]
        made.append(_rule(number, condition, effect))
    return made


def _rule(number: int, condition: str, effect: Effect) -> RuleDefinition:
    points = 5 + number % 20 if effect is Effect.POINTS else 0
    code = f"R-BT-{number:03}"
    return RuleDefinition(
        code=code, name=code, condition=condition, effect=effect, points=points, reason_code="other"
    )


def _trial(schema: Schema, *sides: list[RuleDefinition]) -> Trial:
    """Try the first rules against the second, which are live."""
    compiled = [compile_ruleset(rules, schema) for rules in sides]
    tried, live = (LiveRuleset(0, hash_of(rules, _POLICY), rules, _POLICY) for rules in compiled)
    return Trial(tried, live)


def _random_batches(rows: int) -> Iterator[Batch]:
    random = np.random.default_rng(_SEED)
    for start in range(0, rows, _PART):
        n = min(_PART, rows - start)
        columns: dict[str, pl.Series] = {}
        for number in range(_NUMBERS):
            values = random.exponential(1.0, n)
            values[random.random(n) < 0.05] = np.nan
            columns[f"number{number}"] = pl.Series(values)
        countries = pl.Series(_COUNTRIES)
        for number in range(_TEXTS):
            columns[f"text{number}"] = countries.gather(random.integers(0, len(_COUNTRIES), n))
        for number in range(_FLAGS):
            flags = pl.Series(random.random(n) < 0.3)
            columns[f"flag{number}"] = flags.set(pl.Series(random.random(n) < 0.05), None)
        yield _batch(random, pl.DataFrame(columns), start, amount=random.integers(1_000, 1_000_000, n))


def _batch(random: np.random.Generator, frame: pl.DataFrame, start: int, *, amount: Ints) -> Batch:
    n = frame.height
    return Batch(
        until=start + n,
        prefix="ord",
        ids=np.arange(start, start + n),
        merchant_ids=random.integers(1, 2_000, n),
        at=(start + np.arange(n)) * 15_000_000,  # a million in half a year
        amount_minor=amount,
        truth=random.choice(np.array([0, 1, 2], dtype=np.uint8), n, p=[0.78, 0.02, 0.2]),
        scores=random.beta(0.4, 8, n),
        degraded=np.zeros(n, dtype=np.bool_),
        frame=frame,
        segments={
            "country": Groups(random.integers(0, len(_COUNTRIES), n), (*_COUNTRIES, "")),
            "category": Groups(random.integers(0, 30, n), (*(f"c{number}" for number in range(30)), "")),
            "merchant_size": Groups(random.integers(0, 4, n), ("a", "b", "c", "d", "")),
            "buyer_age": Groups(random.integers(0, 5, n), ("a", "b", "c", "d", "e", "")),
        },
        stable_keys=str,
    )


def _time_backtest(trial: Trial, batches: list[Batch]) -> float:
    with stopwatch() as watch:
        tally = _judge(trial, batches)
    if int(tally.total[..., 0].sum()) != sum(map(len, batches)):
        raise SystemExit("Rows were lost: the measurement would be of something else.")
    return watch.seconds


def _judge(trial: Trial, batches: list[Batch]) -> Tally:
    assert trial.live is not None
    judge = JointJudge([trial.candidate.rules, trial.live.rules])
    return sum_up([judge_batch(batch, trial, judge) for batch in batches])


def _time_loop(trial: Trial, batch: Batch, rows: int) -> float:
    """Return the seconds per row of judging both rulesets one row after the other."""
    facts: list[dict[str, Any]] = batch.frame.head(rows).to_dicts()
    scores = batch.scores[:rows].tolist()
    assert trial.live is not None
    started = time.perf_counter()
    for values, score in zip(facts, scores, strict=True):
        for side in (trial.candidate, trial.live):
            choose_outcome(side.rules.evaluate(values), score, side.policy.thresholds)
    return (time.perf_counter() - started) / len(facts)


# ── Velocity from raw orders ─────────────────────────────────────────────────────────────────────
def _time_velocity(count: int) -> dict[str, float]:
    """Return the seconds of each step over a sample of raw orders; making them is not counted."""
    raw = _raw_orders(count)
    trial = _trial(_velocity_schema(), _velocity_rules(), _velocity_rules(milder=2))
    with stopwatch() as reading:
        events = _events(raw)
    with stopwatch() as computing:
        questions = Questions(events.known_at, events.keys)
        columns = compute_columns(_VELOCITY, questions, {Source.ORDERS: events})
    with stopwatch() as judging:
        frame = pl.DataFrame({name: pl.Series(column) for name, column in columns.items()})
        tally = _judge(trial, list(_parts(frame, raw)))
    with stopwatch() as pricing:
        cost_report(tally.scored, Costs(reviewer_hours_per_day=16), _POLICY.thresholds, days=180)
    steps = {
        "hashing references": reading.seconds,
        "velocity features": computing.seconds,
        "rules, policy and sums": judging.seconds,
        "cost curve and thresholds": pricing.seconds,
    }
    return {"in all": sum(steps.values()), **steps}


def _raw_orders(count: int) -> pl.DataFrame:
    plan = plan_marketplace(count, _SEED, datetime(2026, 3, 1, tzinfo=UTC))
    wanted = (
        "merchant_ref", "buyer_ref", "device_ref", "card_ref", "address_ref", "ip", "base_total_minor",
        "placed_at", "known_at", "is_bad", "shipping_country",
    )  # fmt: skip
    return pl.concat([orders.select(wanted) for orders, _ in plan.chunks()])


def _events(raw: pl.DataFrame) -> Events:
    keys = {
        Entity.MERCHANT: "merchant_ref",
        Entity.BUYER: "buyer_ref",
        Entity.DEVICE: "device_ref",
        Entity.CARD: "card_ref",
        Entity.ADDRESS: "address_ref",
        Entity.IP: "ip",
    }
    return Events(
        ids=np.arange(raw.height),
        occurred_at=raw["placed_at"].to_physical().to_numpy(),
        known_at=raw["known_at"].to_physical().to_numpy(),
        keys={
            entity: Keys(
                raw[name].hash(_SEED).reinterpret(signed=True).to_numpy(), raw[name].is_not_null().to_numpy()
            )
            for entity, name in keys.items()
        },
        amount_minor=raw["base_total_minor"].to_numpy(),
    )


def _velocity_schema() -> Schema:
    return Schema("order", tuple(Field(feature.name, FieldType.NUMBER) for feature in _VELOCITY))


def _velocity_rules(*, milder: int = 0) -> list[RuleDefinition]:
    """One rule per feature; the first so many with twice the bound."""
    bounds = {"count": 4, "sum": 2_000_000, "distinct": 2}
    return [
        _rule(
            number,
            f"{feature.name} >= {bounds[feature.statistic.value] * (2 if number < milder else 1)}",
            Effect.POINTS,
        )
        for number, feature in enumerate(_VELOCITY)
    ]


def _parts(frame: pl.DataFrame, raw: pl.DataFrame) -> Iterator[Batch]:
    random = np.random.default_rng(_SEED)
    amount = raw["base_total_minor"].to_numpy()
    truth = raw["is_bad"].cast(pl.UInt8).fill_null(2).to_numpy()
    country = Groups.of_texts(raw["shipping_country"])
    at = raw["known_at"].to_physical().to_numpy()
    for start in range(0, frame.height, _PART):
        part = slice(start, start + _PART)
        made = _batch(random, frame[part], start, amount=amount[part])
        segments = {"country": Groups(country.codes[part], country.names)}
        yield replace(made, truth=truth[part], at=at[part], segments=segments)
