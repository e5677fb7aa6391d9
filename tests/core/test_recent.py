"""What was found a moment ago is not asked for again, and not for longer."""

from datetime import timedelta

import pytest

from core.recent import Recent
from tests.make import NOON

LIFE = timedelta(seconds=2)


class Source:
    """Counts how often it is asked."""

    def __init__(self, value: str | None = "found") -> None:
        self.value, self.times = value, 0

    def __call__(self) -> str | None:
        self.times += 1
        return self.value


@pytest.mark.parametrize(
    ("seconds", "times"),
    [(0, 1), (1.9, 1), (2, 2), (60, 2), (-1, 2)],
    ids=["at once", "within its life", "at its end", "long after", "a clock set back"],
)
def test_what_was_found_is_kept_for_its_life(seconds: float, times: int) -> None:
    recent: Recent[str, str] = Recent()
    source = Source()
    recent.find("a", source, at=NOON, life=LIFE)
    assert recent.find("a", source, at=NOON + timedelta(seconds=seconds), life=LIFE) == "found"
    assert source.times == times


def test_each_key_has_its_own() -> None:
    recent: Recent[str, str] = Recent()
    assert recent.find("a", Source("one"), at=NOON, life=LIFE) == "one"
    assert recent.find("b", Source("other"), at=NOON, life=LIFE) == "other"
    assert recent.find("a", Source("never asked"), at=NOON, life=LIFE) == "one"


def test_what_was_not_found_is_asked_for_again() -> None:
    recent: Recent[str, str] = Recent()
    assert recent.find("a", Source(None), at=NOON, life=LIFE) is None
    assert recent.find("a", Source("came into being"), at=NOON, life=LIFE) == "came into being"


def test_what_is_gone_when_its_life_is_over_is_forgotten() -> None:
    recent: Recent[str, str] = Recent()
    recent.find("a", Source(), at=NOON, life=LIFE)
    assert recent.find("a", Source(None), at=NOON + LIFE, life=LIFE) is None
    assert recent.find("a", Source(None), at=NOON, life=LIFE) is None


def test_its_memory_is_bounded() -> None:
    recent: Recent[int, str] = Recent(most=3)
    for key in range(4):
        recent.find(key, Source(), at=NOON, life=LIFE)
    again = Source()
    recent.find(0, again, at=NOON, life=LIFE)
    assert again.times == 1
    kept = Source()
    recent.find(3, kept, at=NOON, life=LIFE)
    assert kept.times == 0
