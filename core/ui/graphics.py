"""Geometry of the small SVG graphics: sparklines, mini bars, contribution bars, text differences."""

from collections.abc import Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher


@dataclass(frozen=True)
class Spark:
    """A sparkline in a `width` × `height` box; `points` is an SVG polyline."""

    width: int
    height: int
    points: str
    area: str
    last_x: float
    last_y: float


@dataclass(frozen=True)
class Bar:
    """One bar, from the zero line at `y + height` upwards."""

    x: float
    y: float
    width: float
    height: float


@dataclass(frozen=True)
class SignedBar:
    """A bar left or right of the middle of a 0–100 track."""

    x: float
    width: float
    is_positive: bool


@dataclass(frozen=True)
class Piece:
    """A run of text in a difference: `same`, `removed` or `added`."""

    kind: str
    text: str


def draw_spark(values: Sequence[float], *, width: int = 96, height: int = 24) -> Spark | None:
    """Return the line through the values, or None for fewer than two.

    The line fills the height from the least to the greatest value: it shows
    shape, not size, and therefore always stands beside the number itself.
    """
    if len(values) < 2:
        return None
    low, high = min(values), max(values)
    span = (high - low) or 1
    step = (width - 4) / (len(values) - 1)
    xy = [(2 + i * step, 2 + (height - 4) * (1 - (value - low) / span)) for i, value in enumerate(values)]
    points = " ".join(f"{x:.1f},{y:.1f}" for x, y in xy)
    last_x, last_y = xy[-1]
    area = f"2,{height} {points} {last_x:.1f},{height}"
    return Spark(width, height, points, area, round(last_x, 1), round(last_y, 1))


def draw_bars(values: Sequence[float], *, width: int = 96, height: int = 24, gap: int = 1) -> tuple[Bar, ...]:
    """Return one bar per value from a zero base line; negative values have no bar."""
    if not values:
        return ()
    top = max(*values, 0) or 1
    each = (width - gap * (len(values) - 1)) / len(values)
    bars = []
    for i, value in enumerate(values):
        size = height * max(value, 0) / top
        # A value above zero stays visible however small it is.
        size = max(size, 1) if value > 0 else 0
        bars.append(Bar(round(i * (each + gap), 2), round(height - size, 2), round(each, 2), round(size, 2)))
    return tuple(bars)


def path_of(bars: Sequence[Bar]) -> str:
    """Return the bars as one SVG path: a page with hundreds of them stays quick to write.

    >>> path_of(draw_bars([1, 2], width=11, height=10))
    'M0.0 5.0h5.0v5.0h-5.0zM6.0 0.0h5.0v10.0h-5.0z'
    """
    return "".join(f"M{bar.x} {bar.y}h{bar.width}v{bar.height}h-{bar.width}z" for bar in bars if bar.height)


def draw_signed_bars(values: Sequence[float]) -> tuple[SignedBar, ...]:
    """Return bars on a common scale around the middle; the largest magnitude reaches the edge.

    >>> draw_signed_bars([1.0, -0.5])[1]
    SignedBar(x=25.0, width=25.0, is_positive=False)
    """
    top = max((abs(value) for value in values), default=0) or 1
    bars = []
    for value in values:
        size = 50 * abs(value) / top
        bars.append(SignedBar(round(50 if value >= 0 else 50 - size, 2), round(size, 2), value >= 0))
    return tuple(bars)


def draw_split(counts: Sequence[int], *, width: float = 100) -> tuple[tuple[float, float], ...]:
    """Return (x, width) of each part of a bar that shows the whole.

    >>> draw_split([1, 3])
    ((0.0, 25.0), (25.0, 75.0))
    """
    whole = sum(counts) or 1
    parts, x = [], 0.0
    for count in counts:
        size = width * count / whole
        parts.append((round(x, 2), round(size, 2)))
        x += size
    return tuple(parts)


def compare_words(old: str, new: str) -> tuple[Piece, ...]:
    """Return the pieces that lead from one text to the other, word by word.

    Han characters count as words of their own, so that Chinese texts do not
    differ as a whole.
    """
    before, after = _words(old), _words(new)
    pieces: list[Piece] = []
    for operation, a, b, c, d in SequenceMatcher(a=before, b=after, autojunk=False).get_opcodes():
        if operation == "equal":
            pieces.append(Piece("same", "".join(before[a:b])))
            continue
        if a < b:
            pieces.append(Piece("removed", "".join(before[a:b])))
        if c < d:
            pieces.append(Piece("added", "".join(after[c:d])))
    return tuple(pieces)


def _words(text: str) -> list[str]:
    words: list[str] = []
    word = ""
    for character in text:
        if character.isspace() or "\u4e00" <= character <= "\u9fff":
            words += [word, character] if word else [character]
            word = ""
        else:
            word += character
    return [*words, word] if word else words
