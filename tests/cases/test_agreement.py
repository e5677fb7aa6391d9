"""Agreement beyond chance: published examples, and what holds for every table."""

from itertools import permutations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cases.quality.agreement import Z95, Kappa, cites_kappa, cohen_kappa, reliability

Table = list[list[int]]


@st.composite
def tables(draw: st.DrawFn) -> Table:
    size = draw(st.integers(2, 4))
    row = st.lists(st.integers(0, 60), min_size=size, max_size=size)
    return draw(st.lists(row, min_size=size, max_size=size))


def error_of(kappa: Kappa) -> float:
    assert kappa.low is not None
    assert kappa.high is not None
    return (kappa.high - kappa.low) / 2 / Z95


class TestPublishedExamples:
    def test_cohens_own_two_judges_of_two_hundred_patients(self) -> None:
        # Cohen 1960: proportions .44 .07 .09 / .05 .20 .05 / .01 .03 .06 of 200.
        kappa = cohen_kappa([[88, 14, 18], [10, 40, 10], [2, 6, 12]])
        assert kappa is not None
        assert kappa.observed == pytest.approx(0.70)
        assert kappa.value == pytest.approx(0.492, abs=5e-4)

    def test_fleiss_diagnoses_of_a_hundred_patients(self) -> None:
        # Fleiss 1981, "Statistical Methods for Rates and Proportions", table 13.1: .68 with a standard
        # error of .087, from rounded steps; unrounded it is .0877.
        kappa = cohen_kappa([[75, 1, 4], [5, 4, 1], [0, 0, 10]])
        assert kappa is not None
        assert kappa.value == pytest.approx(0.68, abs=5e-3)
        assert error_of(kappa) == pytest.approx(0.0877, abs=5e-5)

    def test_two_by_two_with_its_interval(self) -> None:
        # Fifty grant proposals; R's fmsb::Kappa.test prints 0.4 with 0.1511–0.6489.
        kappa = cohen_kappa([[20, 5], [10, 15]])
        assert kappa is not None
        assert kappa.low is not None
        assert kappa.high is not None
        assert (kappa.value, kappa.low, kappa.high) == pytest.approx((0.4, 0.1511, 0.6489), abs=5e-5)


@pytest.mark.parametrize(
    "table",
    [
        pytest.param([[0, 0], [0, 0]], id="nothing compared"),
        pytest.param([[7, 0], [0, 0]], id="both put all into one class"),
        pytest.param([[0, 0, 0], [0, 11, 0], [0, 0, 0]], id="another class"),
    ],
)
def test_kappa_is_not_defined_where_chance_explains_everything(table: Table) -> None:
    assert cohen_kappa(table) is None


def test_two_who_never_differ_have_no_interval() -> None:
    assert cohen_kappa([[5, 0], [0, 3]]) == Kappa(1.0, None, None, 1.0, 8)


def test_opposites_are_worse_than_chance() -> None:
    kappa = cohen_kappa([[0, 5], [5, 0]])
    assert kappa is not None
    assert kappa.value == pytest.approx(-1)
    assert kappa.low is not None
    assert kappa.low >= -1


@given(tables())
def test_kappa_lies_within_its_interval_and_its_bounds(table: Table) -> None:
    kappa = cohen_kappa(table)
    if kappa is None:
        return
    assert -1 - 1e-9 <= kappa.value <= 1 + 1e-9
    assert kappa.n == sum(map(sum, table))
    if kappa.low is not None and kappa.high is not None:
        assert -1 <= kappa.low <= kappa.value + 1e-9
        assert kappa.value - 1e-9 <= kappa.high <= 1


@given(tables())
def test_who_is_called_the_first_does_not_matter(table: Table) -> None:
    turned = [list(column) for column in zip(*table, strict=True)]
    one, other = cohen_kappa(table), cohen_kappa(turned)
    assert (one is None) == (other is None)
    if one and other:
        assert one.value == pytest.approx(other.value)
        assert one.low == (None if other.low is None else pytest.approx(other.low, abs=1e-7))


@given(tables())
def test_the_order_of_the_classes_does_not_matter(table: Table) -> None:
    kappa = cohen_kappa(table)
    for order in permutations(range(len(table))):
        other = cohen_kappa([[table[i][j] for j in order] for i in order])
        assert (other is None) == (kappa is None)
        if kappa and other:
            assert other.value == pytest.approx(kappa.value)


@given(tables(), st.integers(2, 5))
def test_more_of_the_same_narrows_the_interval_by_the_root(table: Table, times: int) -> None:
    kappa, more = cohen_kappa(table), cohen_kappa([[cell * times for cell in row] for row in table])
    assert (kappa is None) == (more is None)
    if kappa is None or more is None:
        return
    assert more.value == pytest.approx(kappa.value)
    ends = (kappa.low, kappa.high, more.low, more.high)
    if all(end is not None and abs(end) < 1 for end in ends):
        assert error_of(more) == pytest.approx(error_of(kappa) / times**0.5, abs=1e-7)


@given(tables())
def test_the_standard_error_is_that_of_the_delta_method(table: Table) -> None:
    """An independent way to the same number: differentiate kappa by each cell's share, numerically."""
    kappa = cohen_kappa(table)
    if kappa is None or kappa.low is None or kappa.high is None or min(kappa.low + 1, 1 - kappa.high) <= 0:
        return
    n, step = kappa.n, 1e-6
    shares = [[cell / n for cell in row] for row in table]
    slopes = [
        [(_of_shares(shares, i, j, step) - _of_shares(shares, i, j, -step)) / (2 * step) for j in cells]
        for i, cells in enumerate([range(len(table))] * len(table))
    ]
    pairs = [
        (share, slope)
        for row, of_row in zip(shares, slopes, strict=True)
        for share, slope in zip(row, of_row, strict=True)
    ]
    mean = sum(share * slope for share, slope in pairs)
    variance = sum(share * slope**2 for share, slope in pairs) - mean**2
    assert error_of(kappa) == pytest.approx((max(variance, 0) / n) ** 0.5, rel=1e-3, abs=1e-4)


def _of_shares(shares: list[list[float]], row: int, column: int, step: float) -> float:
    moved = [list(one) for one in shares]
    moved[row][column] += step
    size = range(len(moved))
    observed = sum(moved[i][i] for i in size)
    expected = sum(sum(moved[i]) * sum(moved[j][i] for j in size) for i in size)
    return (observed - expected) / (1 - expected)


def test_one_reason_is_a_table_of_given_or_not() -> None:
    assert cites_kappa(20, 5, 10, 15) == cohen_kappa([[20, 5], [10, 15]])


@given(st.integers(0, 500), st.integers(0, 500), st.floats(0, 1))
def test_reliability_lies_between_the_own_share_and_the_mean(right: int, wrong: int, mean: float) -> None:
    looks = right + wrong
    value = reliability(right, looks, mean=mean)
    own = right / looks if looks else mean
    assert min(own, mean) - 1e-9 <= value <= max(own, mean) + 1e-9


def test_few_looks_say_less_than_many() -> None:
    few, many = reliability(0, 2, mean=0.9), reliability(0, 200, mean=0.9)
    assert many < 0.1 < 0.8 < few
