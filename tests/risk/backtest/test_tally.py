"""The sums of a part are those of counting row by row, over more rows than are counted at once."""

from collections.abc import Sequence

import numpy as np
import polars as pl
import pytest

from core.ids import encode
from risk.backtest.frames import Batch, Groups
from risk.backtest.judging import JudgedRows, Outcomes, RuleFinding
from risk.backtest.tally import FLIPS_PER_MOVE, RuleSums, Tally, count_up
from risk.backtest.truths import BAD, NAMES
from risk.rules.engine import Effect, RuleDefinition

ROWS = 80_000  # a block of bits holds 32,768, and more than 65,535 do not fit its sums
OUTCOMES = ("approve", "review", "decline")


@pytest.fixture(scope="module")
def random() -> np.random.Generator:
    return np.random.default_rng(20_261_127)


@pytest.fixture(scope="module")
def batch(random: np.random.Generator) -> Batch:
    return Batch(
        until=ROWS,
        prefix="ord",
        ids=random.permutation(ROWS),
        merchant_ids=np.ones(ROWS, dtype=np.int64),
        at=np.arange(ROWS),
        amount_minor=random.integers(0, 60, ROWS) * 100,  # many are equal
        truth=random.integers(0, 3, ROWS).astype(np.uint8),
        scores=random.random(ROWS),
        degraded=np.zeros(ROWS, dtype=np.bool_),
        frame=pl.DataFrame(),
        segments={"country": Groups(random.integers(0, 2, ROWS), ("CN", ""))},
        stable_keys=str,
    )


@pytest.fixture(scope="module")
def sides(random: np.random.Generator) -> tuple[JudgedRows, JudgedRows]:
    """Rules that share conditions within a side and over both, and some that stand alone."""
    often, seldom, never, mine, theirs = (
        np.flatnonzero(random.random(ROWS) < share) for share in (0.9, 0.01, 0.0, 0.3, 0.2)
    )
    candidate = _judged(random, [theirs[:0], seldom, mine, often, seldom, never])
    live = _judged(random, [often, theirs, seldom, often])
    return candidate, live


def _judged(random: np.random.Generator, hits: Sequence[np.ndarray]) -> JudgedRows:
    findings = tuple(
        RuleFinding(_rule(number), rows, number, rows[:: number + 5]) for number, rows in enumerate(hits)
    )
    final = random.choice(3, ROWS, p=[0.5, 0.3, 0.2]).astype(np.uint8)
    return JudgedRows(findings, Outcomes(final, final, final))


def _rule(number: int) -> RuleDefinition:
    is_tag = number == 3  # has a say in nothing, and so no reason
    return RuleDefinition(
        code=f"R-{number}",
        name="Rule",
        condition="true",
        effect=Effect.TAG if is_tag else Effect.REVIEW,
        tag="tag" if is_tag else "",
        reason_code="" if is_tag else "other",
    )


@pytest.fixture(scope="module")
def tally(batch: Batch, sides: tuple[JudgedRows, JudgedRows]) -> Tally:
    return count_up(batch, *sides)


@pytest.mark.parametrize("side", [0, 1], ids=["candidate", "live"])
def test_each_rule_is_summed_up_row_by_row(
    batch: Batch, sides: tuple[JudgedRows, JudgedRows], tally: Tally, side: int
) -> None:
    findings, sums = sides[side].findings, (tally.rules, tally.live_rules)[side]
    amounts, truths = batch.amount_minor.tolist(), batch.truth.tolist()
    stopped = (sides[1].outcomes.final > 0).tolist()
    judging = [0] * ROWS
    for finding in findings:
        for row in finding.effective.tolist() if finding.rule.reason_code else ():
            judging[row] += 1
    for place, finding in enumerate(findings):
        hits = finding.hits.tolist()
        bad = [row for row in hits if truths[row] == BAD]
        by_truth = [[row for row in hits if truths[row] == truth] for truth in range(3)]
        assert sums.hits[place].tolist() == [
            [len(rows), sum(amounts[row] for row in rows)] for rows in by_truth
        ]
        assert sums.caught[place].tolist() == [
            sum(stopped[row] for row in hits),
            sum(stopped[row] for row in bad),
        ]
        has_say = set(finding.effective.tolist()) if finding.rule.reason_code else set()
        alone = [row for row in bad if row in has_say and judging[row] == 1]
        assert sums.unique_bad[place].tolist() == [len(alone), sum(amounts[row] for row in alone)]
        assert sums.missing[place] == finding.missing
        assert sums.muted[place] == len(finding.muted)


def test_each_pair_is_counted_on_the_rows_that_both_hit(
    sides: tuple[JudgedRows, JudgedRows], tally: Tally
) -> None:
    mine, theirs = ([set(finding.hits.tolist()) for finding in side.findings] for side in sides)
    assert tally.overlap.tolist() == [[len(one & other) for other in theirs] for one in mine]


def test_of_each_move_the_largest_are_named_and_of_equal_ones_the_first(
    batch: Batch, sides: tuple[JudgedRows, JudgedRows], tally: Tally
) -> None:
    candidate, live = (side.outcomes.final.tolist() for side in sides)
    for before in range(3):
        for after in {0, 1, 2} - {before}:
            rows = [row for row in range(ROWS) if (live[row], candidate[row]) == (before, after)]
            assert len(rows) > FLIPS_PER_MOVE
            rows.sort(key=lambda row: (-batch.amount_minor[row], batch.ids[row]))
            move = (OUTCOMES[before], OUTCOMES[after])
            named = {flip.subject: flip for flip in tally.flips if (flip.live, flip.candidate) == move}
            assert set(named) == {encode("ord", int(batch.ids[row])) for row in rows[:FLIPS_PER_MOVE]}
            for row in rows[:FLIPS_PER_MOVE]:
                flip = named[encode("ord", int(batch.ids[row]))]
                assert (flip.amount_minor, flip.truth) == (batch.amount_minor[row], NAMES[batch.truth[row]])


def test_without_rules_nothing_is_summed_up(batch: Batch, sides: tuple[JudgedRows, JudgedRows]) -> None:
    nothing = JudgedRows((), sides[1].outcomes)
    tally = count_up(batch, nothing, None)
    assert tally.overlap.shape == (0, 0)
    assert tally.rules.hits.shape == RuleSums.of_none(0).hits.shape
    assert tally.flips == ()
    assert count_up(batch, nothing, sides[1]).overlap.shape == (0, 4)
