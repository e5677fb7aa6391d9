"""Subjects that share details, in five columns: itself, its details, who shares them, and on once more.

Details are fingerprints of devices, cards, accounts. They group here and are
never handed on: a reader sees that two share "a card", not which.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from django.utils.functional import Promise

Detail = tuple[str, int]  # kind, fingerprint

# What a page shows of each step: more is a ring, and its size says so better than a drawing.
PER_STEP = 8
FOLLOWED = 6  # details of neighbours that lead on

_WIDTH = 384.0
_ROW = 28.0
_HEAD = 22.0
_COLUMNS = tuple(24.0 + 84.0 * column for column in range(5))
_RADIUS = 9.0


@dataclass(frozen=True)
class Other:
    """An order or application found on the way. `proved_bad` None = not known."""

    id: int
    kind: str
    title: str
    note: str
    at: datetime
    status: str
    proved_bad: bool | None
    details: frozenset[Detail]


@dataclass(frozen=True)
class Row:
    """One linked subject as the table shows it. `through`: what it shares, and with which row (0: itself)."""

    number: int
    step: int
    other: Other
    through: tuple[tuple[str | Promise, int], ...]


@dataclass(frozen=True)
class Node:
    """A circle with a number, or a detail with its icon; x and y are its middle."""

    x: float
    y: float
    number: int = 0
    icon: str = ""
    is_bad: bool = False

    @property
    def left(self) -> float:
        return self.x - 7

    @property
    def top(self) -> float:
        return self.y - 7


@dataclass(frozen=True)
class Links:
    """Everything the page shows.

    is_capped   a step found more than it shows
    edges       one SVG path
    """

    kind: str
    rows: Sequence[Row] = ()
    is_capped: bool = False
    nodes: Sequence[Node] = ()
    edges: str = ""
    height: float = 0.0
    width: float = _WIDTH

    @property
    def bad_count(self) -> int:
        return sum(bool(row.other.proved_bad) for row in self.rows)


@dataclass(frozen=True)
class Kinds:
    """The kinds of details in the order they are drawn: code → name and icon."""

    names: Mapping[str, str | Promise]
    icons: Mapping[str, str]


@dataclass
class _Drawing:
    nodes: list[Node] = field(default_factory=list)
    edges: list[str] = field(default_factory=list)

    def connect(self, left: Node, right: Node) -> None:
        bend = (left.x + right.x) / 2
        self.edges.append(
            f"M{left.x:.0f} {left.y:.0f}C{bend:.0f} {left.y:.0f} {bend:.0f} {right.y:.0f} "
            f"{right.x:.0f} {right.y:.0f}"
        )


def details_to_follow(own: Collection[Detail], near: Sequence[Other]) -> list[Detail]:
    """Return the details of the shown neighbours that the second step goes over, the newest first."""
    found = [detail for other in near[:PER_STEP] for detail in sorted(other.details) if detail not in own]
    return list(dict.fromkeys(found))


def lay_out(
    kind: str, own: Collection[Detail], near: Sequence[Other], far: Sequence[Other], kinds: Kinds
) -> Links:
    """Return the graph of a subject's own details with those one and two steps away, newest first each.

    far   may hold what is near already, and what shares nothing with a shown neighbour: both are left out
    """
    shown_near = list(near[:PER_STEP])
    numbers = {other.id: number for number, other in enumerate(shown_near, 1)}
    leading = details_to_follow(own, shown_near)
    near_ids = {other.id for other in near}
    reached = [one for one in far if one.id not in near_ids and one.details.intersection(leading)]
    bridges = _ordered([one for one in leading if any(one in other.details for other in reached)], kinds)
    bridges = bridges[:FOLLOWED]
    shown_far = [one for one in reached if one.details.intersection(bridges)][:PER_STEP]
    numbers |= {other.id: number for number, other in enumerate(shown_far, len(shown_near) + 1)}
    rows = [
        *(_row(numbers[one.id], 1, one, _own_through(one, own, kinds)) for one in shown_near),
        *(
            _row(numbers[one.id], 2, one, _far_through(one, bridges, shown_near, numbers, kinds))
            for one in shown_far
        ),
    ]
    shared = _ordered([one for one in own if any(one in other.details for other in shown_near)], kinds)
    used = [one for one in bridges if any(one in other.details for other in shown_far)]
    columns = (shared, shown_near, used, shown_far)
    drawing = _draw(columns, numbers, kinds)
    return Links(
        kind=kind,
        rows=rows,
        is_capped=len(near) > len(shown_near) or len(reached) > len(shown_far),
        nodes=drawing.nodes,
        edges="".join(drawing.edges),
        height=_HEAD + _ROW * max(1, *(len(column) for column in columns)),
    )


def _row(number: int, step: int, other: Other, through: Iterable[tuple[str | Promise, int]]) -> Row:
    return Row(number, step, other, tuple(through))


def _own_through(other: Other, own: Collection[Detail], kinds: Kinds) -> list[tuple[str | Promise, int]]:
    return [(kinds.names[detail[0]], 0) for detail in _ordered(other.details.intersection(own), kinds)]


def _far_through(
    other: Other,
    bridges: Collection[Detail],
    near: Sequence[Other],
    numbers: Mapping[int, int],
    kinds: Kinds,
) -> list[tuple[str | Promise, int]]:
    through = []
    for detail in _ordered(other.details.intersection(bridges), kinds):
        first = next(one for one in near if detail in one.details)
        through.append((kinds.names[detail[0]], numbers[first.id]))
    return through


def _ordered(details: Iterable[Detail], kinds: Kinds) -> list[Detail]:
    places = {kind: place for place, kind in enumerate(kinds.names)}
    return sorted(details, key=lambda detail: places[detail[0]])


def _draw(
    columns: tuple[Sequence[Detail], Sequence[Other], Sequence[Detail], Sequence[Other]],
    numbers: Mapping[int, int],
    kinds: Kinds,
) -> _Drawing:
    shared, near, bridges, far = columns
    height = _ROW * max(1, *(len(column) for column in columns))
    centre = Node(_COLUMNS[0], _HEAD + height / 2)
    drawing = _Drawing([centre])
    circles: dict[int, Node] = {}
    for column, others in ((2, near), (4, far)):
        for other, y in zip(others, _spread(len(others), height), strict=True):
            node = Node(_COLUMNS[column], y, number=numbers[other.id], is_bad=bool(other.proved_bad))
            circles[other.id] = node
    for column, details in ((1, shared), (3, bridges)):
        for detail, y in zip(details, _spread(len(details), height), strict=True):
            node = Node(_COLUMNS[column], y, icon=kinds.icons[detail[0]])
            drawing.nodes.append(node)
            if column == 1:
                drawing.connect(centre, node)
            # What leads on stands between the steps it joins; own details lead to neighbours only.
            for other in near if column == 1 else (*near, *far):
                if detail in other.details:
                    drawing.connect(*sorted((node, circles[other.id]), key=lambda one: one.x))
    drawing.nodes += circles.values()
    return drawing


def _spread(count: int, height: float) -> list[float]:
    return [_HEAD + height * (index + 0.5) / count for index in range(count)]
