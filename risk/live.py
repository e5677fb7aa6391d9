"""What is live in this process: rulesets, champions, brakes, snoozes, and the versions of lists.

One look at the database, at most a second old, says which of each are live for
every subject: an activation, a brake or a list reaches every worker within two
seconds without a message bus. What they hold is loaded once per id, and one
decision never mixes two versions.
"""

import logging
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import TypeVar

from django.core.files.storage import default_storage
from django.db import connection

from core.errors import Conflict

from .inputs import current_inputs, is_declared
from .models import Brake, EntityList, ModelPromotion, ModelStatus, ModelVersion, RuleSet, RuleSnooze
from .rulesets import LiveRuleset, compile_rows
from .scoring import LiveModel, load_model

logger = logging.getLogger(__name__)
T = TypeVar("T")
FRESH_SECONDS = 1.0


class AlteredRuleset(RuntimeError):
    """What a live ruleset holds is not what its hash says."""


class ModelBraked(Conflict):
    """The champion is braked, and no earlier one fits the present inputs."""

    default_code = "model_braked"


@dataclass(frozen=True, slots=True)
class ListState:
    """Which version of a list is the present one."""

    id: int
    kind: str
    version: int


@dataclass(frozen=True)
class Muting:
    """The rules of one subject that have no effect now: braked for everybody, or snoozed for one."""

    braked: frozenset[str] = frozenset()
    snoozes: Mapping[tuple[str, int], tuple[tuple[str, datetime], ...]] = field(default_factory=dict)

    def for_subject(self, keys: Mapping[str, int | None], at: datetime) -> dict[str, str]:
        """Return rule code → "braked" or "snoozed", as `CompiledRuleset.evaluate` takes it.

        keys    merchant, buyer, device, card, address, ip → id or fingerprint, None if not supplied
        """
        muted: dict[str, str] = {}
        if self.snoozes:
            for entity, key in keys.items():
                for code, until in self.snoozes.get((str(entity), key), ()) if key is not None else ():
                    if at < until:
                        muted[code] = "snoozed"
        muted.update(dict.fromkeys(self.braked, "braked"))
        return muted


@dataclass(frozen=True)
class _Look:
    """What one look found, by subject; `braked_models` are ids."""

    at: float
    rulesets: dict[str, int]
    champions: dict[str, int]
    mutings: dict[str, Muting]
    braked_models: frozenset[int]
    lists: dict[str, ListState]


_look: _Look | None = None
_rulesets: dict[str, tuple[int, LiveRuleset]] = {}
_models: dict[str, tuple[int, LiveModel]] = {}
_substitutes: dict[int, int | None] = {}  # braked champion → the model that stands in for it
_UNMUTED = Muting()


def find_live_ruleset(subject: str) -> LiveRuleset | None:
    """Return the subject's live ruleset; AlteredRuleset if it is not what was approved."""
    return _hold(_rulesets, subject, _present().rulesets.get(subject), _load_ruleset)


def find_champion(subject: str) -> LiveModel | None:
    """Return the model that scores now: the champion, or the one before while it is braked.

    ModelBraked if none before it fits the inputs as they are declared now.
    """
    look = _present()
    id = look.champions.get(subject)
    if id is not None and id in look.braked_models:
        id = _substitute(subject, id)
    return _hold(_models, subject, id, _load_model)


def muting(subject: str) -> Muting:
    """Return which rules are braked and snoozed now."""
    return _present().mutings.get(subject, _UNMUTED)


def list_states() -> Mapping[str, ListState]:
    """Return the lists that are in use, by code, each with its present version."""
    return _present().lists


def look_again() -> None:
    """See a change of this process at once: the next question asks the database."""
    global _look
    _look = None


def forget() -> None:
    """Drop everything held, e.g. between tests."""
    look_again()
    _rulesets.clear()
    _models.clear()
    _substitutes.clear()


def load_version(version: ModelVersion) -> LiveModel:
    """Return a model's runnable form, checked against the sha256 of its row."""
    with default_storage.open(str(version.artifact.name)) as file:
        names, _ = current_inputs(version.subject)
        return load_model(version.pk, file.read(), sha256=version.sha256, input_names=names)


def _present() -> _Look:
    global _look
    look, now = _look, time.monotonic()
    if look is None or now - look.at >= FRESH_SECONDS:
        look = _look = _ask(now)
    return look


def _hold(held: dict[str, tuple[int, T]], subject: str, id: int | None, load: Callable[[int], T]) -> T | None:
    if id is None:
        return None
    entry = held.get(subject)
    if entry is None or entry[0] != id:
        entry = held[subject] = (id, load(id))
    return entry[1]


# Small tables, or partial indexes over their few standing rows; five columns each: what, of which subject
# or kind, id, code, number.
_STANDING = f"""
    SELECT 'ruleset', subject, id, '', 0 FROM {RuleSet._meta.db_table} WHERE status = 'live'
    UNION ALL
    SELECT 'champion', subject, id, '', 0 FROM {ModelVersion._meta.db_table} WHERE status = 'champion'
    UNION ALL
    SELECT 'brake', subject, COALESCE(model_id, 0), rule_code, 0
    FROM {Brake._meta.db_table} WHERE released_at IS NULL
    UNION ALL
    SELECT 'list', kind, id, code, version FROM {EntityList._meta.db_table} WHERE archived_at IS NULL
"""  # noqa: S608 (names are our own)


def _ask(now: float) -> _Look:
    """Two queries, however many subjects."""
    with connection.cursor() as cursor:
        cursor.execute(_STANDING)
        rows = cursor.fetchall()
    found: dict[str, list[tuple[str, int, str, int]]] = {}
    for what, *row in rows:
        found.setdefault(what, []).append(tuple(row))
    brakes = found.get("brake", ())
    return _Look(
        at=now,
        rulesets={subject: id for subject, id, _, _ in found.get("ruleset", ())},
        champions={subject: id for subject, id, _, _ in found.get("champion", ())},
        mutings=_mutings([(subject, code) for subject, _, code, _ in brakes if code]),
        braked_models=frozenset(model_id for _, model_id, code, _ in brakes if not code),
        lists={code: ListState(id, kind, version) for kind, id, code, version in found.get("list", ())},
    )


def _mutings(braked: list[tuple[str, str]]) -> dict[str, Muting]:
    snoozes: dict[str, dict[tuple[str, int], list[tuple[str, datetime]]]] = {}
    standing = RuleSnooze.objects.filter(ended_at=None)
    for subject, code, entity, key, until in standing.values_list(
        "subject", "rule_code", "entity", "key", "until"
    ):
        snoozes.setdefault(subject, {}).setdefault((entity, key), []).append((code, until))
    return {
        subject: Muting(
            braked=frozenset(code for other, code in braked if other == subject),
            snoozes={key: tuple(entries) for key, entries in snoozes.get(subject, {}).items()},
        )
        for subject in {*snoozes, *(subject for subject, _ in braked)}
    }


def _substitute(subject: str, braked_id: int) -> int:
    """Return the newest earlier champion whose inputs are declared; the answer is kept until it changes."""
    if braked_id not in _substitutes:
        ended = ModelPromotion.objects.filter(
            model__subject=subject, model__status=ModelStatus.RETIRED, ended_at__isnull=False
        )
        earlier = ended.order_by("-ended_at", "-pk").values_list("model_id", "model__feature_hash")
        _substitutes[braked_id] = next(
            (id for id, feature_hash in earlier if is_declared(subject, feature_hash)), None
        )
    id = _substitutes[braked_id]
    if id is None:
        raise ModelBraked("The champion is braked, and no earlier model fits.")
    return id


def _load_ruleset(id: int) -> LiveRuleset:
    row = RuleSet.objects.get(pk=id)
    ruleset = compile_rows(row)
    if ruleset.content_hash != row.content_hash:
        # Somebody wrote past the triggers: what was not approved does not judge.
        raise AlteredRuleset(f"Ruleset {id} is not what was approved as {row.content_hash[:12]}.")
    return ruleset


def _load_model(id: int) -> LiveModel:
    return load_version(ModelVersion.objects.get(pk=id))
