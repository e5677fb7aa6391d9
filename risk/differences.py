"""What two versions of a ruleset judge differently: rules, their order, the policy."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from difflib import SequenceMatcher
from enum import StrEnum
from typing import Any

from .models import RuleSet
from .rules.engine import RuleDefinition
from .rulesets import Policy, definition_of, policy_of

# What a reader takes in as one piece: a name, a number, a text in quotes, a sign, the space between.
_PIECES = re.compile(r"\"[^\"]*\"|'[^']*'|[\w.]+|\s+|[^\w\s]")


class Piece(StrEnum):
    SAME = "same"
    REMOVED = "removed"
    ADDED = "added"


@dataclass(frozen=True)
class TextPart:
    """A stretch of two texts laid over each other."""

    kind: Piece
    text: str


@dataclass(frozen=True)
class FieldChange:
    """One value that differs. `field` is a field of RuleDefinition, or a dotted one of the policy."""

    field: str
    before: Any
    after: Any


@dataclass(frozen=True)
class RuleChange:
    """A rule that both versions have. `condition` is laid over, empty if it is the same."""

    code: str
    before: RuleDefinition
    after: RuleDefinition
    fields: tuple[FieldChange, ...]
    condition: tuple[TextPart, ...]


@dataclass(frozen=True)
class RulesetDiff:
    """What it takes to come from one version to the other.

    moved    codes of rules that both have, at another place among the others
    """

    added: tuple[RuleDefinition, ...]
    removed: tuple[RuleDefinition, ...]
    changed: tuple[RuleChange, ...]
    moved: tuple[str, ...]
    policy: tuple[FieldChange, ...]

    @property
    def is_empty(self) -> bool:
        return not (self.added or self.removed or self.changed or self.moved or self.policy)


def diff_rulesets(before: RuleSet, after: RuleSet) -> RulesetDiff:
    """Return what differs between any two versions of a subject; two queries."""
    return compare(
        [definition_of(rule) for rule in before.rules.all()],
        [definition_of(rule) for rule in after.rules.all()],
        policy_of(before.policy),
        policy_of(after.policy),
    )


def compare(
    before: Sequence[RuleDefinition],
    after: Sequence[RuleDefinition],
    before_policy: Policy,
    after_policy: Policy,
) -> RulesetDiff:
    """Return what differs between two sets of rules, each in its order, and their policies."""
    old, new = ({rule.code: rule for rule in rules} for rules in (before, after))
    return RulesetDiff(
        added=tuple(rule for rule in after if rule.code not in old),
        removed=tuple(rule for rule in before if rule.code not in new),
        changed=tuple(_change(old[rule.code], rule) for rule in after if old.get(rule.code, rule) != rule),
        moved=_moved([code for code in old if code in new], [code for code in new if code in old]),
        policy=tuple(_policy_changes(before_policy, after_policy)),
    )


def overlay(before: str, after: str) -> tuple[TextPart, ...]:
    """Lay two texts over each other, piece by piece.

    >>> [(part.kind.value, part.text) for part in overlay("a > 1", "a > 2")]
    [('same', 'a > '), ('removed', '1'), ('added', '2')]
    """
    old, new = _PIECES.findall(before), _PIECES.findall(after)
    parts: list[TextPart] = []
    for tag, i, j, m, n in SequenceMatcher(None, old, new, autojunk=False).get_opcodes():
        if tag == "equal":
            parts.append(TextPart(Piece.SAME, "".join(old[i:j])))
            continue
        if j > i:
            parts.append(TextPart(Piece.REMOVED, "".join(old[i:j])))
        if n > m:
            parts.append(TextPart(Piece.ADDED, "".join(new[m:n])))
    return tuple(parts)


def _change(before: RuleDefinition, after: RuleDefinition) -> RuleChange:
    changes = tuple(
        FieldChange(field.name, getattr(before, field.name), getattr(after, field.name))
        for field in fields(RuleDefinition)
        if getattr(before, field.name) != getattr(after, field.name)
    )
    differs = before.condition != after.condition
    condition = overlay(before.condition, after.condition) if differs else ()
    return RuleChange(after.code, before, after, changes, condition)


def _moved(before: list[str], after: list[str]) -> tuple[str, ...]:
    """Return the codes outside the longest run of blocks that both orders share."""
    blocks = SequenceMatcher(None, before, after, autojunk=False).get_matching_blocks()
    stayed = {code for block in blocks for code in after[block.b : block.b + block.size]}
    return tuple(code for code in after if code not in stayed)


def _policy_changes(before: Policy, after: Policy) -> Iterator[FieldChange]:
    old, new = dict(_flat(asdict(before))), dict(_flat(asdict(after)))
    for name in dict.fromkeys((*old, *new)):
        if old.get(name) != new.get(name):
            yield FieldChange(name, old.get(name), new.get(name))


def _flat(content: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    for name, value in content.items():
        if isinstance(value, dict):
            yield from _flat(value, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}", value
