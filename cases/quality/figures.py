"""What second looks say: agreement, overturn rates and golden answers. Each is one grouped query."""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from django.db.models import Count, F, Q, QuerySet

from accounts.models import User
from core.ids import first_id_at
from risk.models import ModelVersion

from ..models import Queue, VerdictKind
from .agreement import Kappa, cites_kappa, cohen_kappa
from .models import LookKind, LookReason, LookRule, SecondLook

# The classes that agreement is counted over; a first verdict is one of the first two.
CLASSES = (VerdictKind.APPROVE, VerdictKind.REJECT, VerdictKind.REQUEST_INFO)


@dataclass(frozen=True)
class QueueAgreement:
    """Blind second reviews of one queue. `kappa` None: undefined."""

    queue: Queue
    kappa: Kappa | None
    n: int
    agreed: int


@dataclass(frozen=True)
class ReasonAgreement:
    """How far two give the same reason. `both`, `one`: of the two, in how many looks; `kappa` as above."""

    code: str
    kappa: Kappa | None
    both: int
    one: int


@dataclass(frozen=True)
class Overturned:
    """Of `looks` whose first decision is known to be right or wrong, how many were wrong.

    key   a rule's code, a model version, or a reviewer
    """

    key: object
    overturned: int
    looks: int


@dataclass(frozen=True)
class GoldenAnswers:
    reviewer: User
    right: int
    answers: int


def looks_since(since: datetime | None, queue: Queue | None = None) -> QuerySet[SecondLook]:
    """Return the looks that were asked for since then: ids are ordered by time, so that this is a range."""
    looks = SecondLook.objects.filter(dropped_at=None)
    if since is not None:
        looks = looks.filter(pk__gte=first_id_at(since))
    return looks.filter(queue=queue) if queue is not None else looks


def list_queue_agreement(looks: QuerySet[SecondLook]) -> list[QueueAgreement]:
    """Return the agreement of two reviewers per queue, in the order of queues."""
    answered = looks.filter(kind=LookKind.BLIND, answered_at__isnull=False).order_by()
    cells = answered.values_list("queue_id", "first_kind", "second_kind").annotate(n=Count("pk"))
    tables: dict[int, list[list[int]]] = defaultdict(_empty_table)
    for queue_id, first, second, n in cells:
        tables[queue_id][CLASSES.index(first)][CLASSES.index(second)] += n
    queues = Queue.objects.filter(Q(pk__in=tables) | Q(blind_share__gt=0))
    return [_queue_agreement(queue, tables[queue.pk]) for queue in queues]


def list_reason_agreement(looks: QuerySet[SecondLook]) -> list[ReasonAgreement]:
    """Return the agreement per reason: given or not, over all blind reviews; the most given first."""
    answered = looks.filter(kind=LookKind.BLIND, answered_at__isnull=False)
    total = answered.count()
    rows = (
        LookReason.objects.filter(look__in=answered)
        .order_by()
        .values("code")
        .annotate(
            both=Count("pk", filter=Q(by_first=True, by_second=True)),
            first=Count("pk", filter=Q(by_first=True, by_second=False)),
            second=Count("pk", filter=Q(by_first=False, by_second=True)),
        )
        .values_list("code", "both", "first", "second")
    )
    found = [
        ReasonAgreement(
            code, cites_kappa(both, first, second, total - both - first - second), both, first + second
        )
        for code, both, first, second in rows
    ]
    return sorted(found, key=lambda one: (-one.both - one.one, one.code))


def list_overturned_rules(looks: QuerySet[SecondLook]) -> list[Overturned]:
    """Return, per rule that had matched, how often the decision was overturned; the most looked at first."""
    rows = (
        LookRule.objects.filter(look__in=_judged(looks))
        .order_by()
        .values("code")
        .annotate(looks=Count("pk"), wrong=Count("pk", filter=Q(look__is_first_right=False)))
        .values_list("code", "wrong", "looks")
    )
    return _sorted(Overturned(*row) for row in rows)


def list_overturned_models(looks: QuerySet[SecondLook]) -> list[Overturned]:
    """Return the same per version of a model that had scored."""
    counted = _grouped(_judged(looks).filter(model_id__isnull=False), "model_id")
    versions = ModelVersion.objects.in_bulk([key for key, _wrong, _looks in counted])
    return _sorted(
        Overturned(versions[key], wrong, looks) for key, wrong, looks in counted if key in versions
    )


def list_overturned_reviewers(looks: QuerySet[SecondLook]) -> list[Overturned]:
    """Return the same per first reviewer."""
    counted = _grouped(_judged(looks).filter(first_reviewer__isnull=False), "first_reviewer_id")
    people = User.objects.in_bulk([key for key, _wrong, _looks in counted])
    return _sorted(Overturned(people[key], wrong, looks) for key, wrong, looks in counted)


def list_golden_answers(looks: QuerySet[SecondLook]) -> list[GoldenAnswers]:
    """Return how often each reviewer answered golden cases right; the most answers first."""
    answered = looks.filter(kind=LookKind.GOLDEN, is_second_right__isnull=False).order_by()
    rows = list(
        answered.values("second_reviewer_id")
        .annotate(answers=Count("pk"), right=Count("pk", filter=Q(is_second_right=True)))
        .values_list("second_reviewer_id", "right", "answers")
    )
    people = User.objects.in_bulk([key for key, _right, _answers in rows])
    found = [GoldenAnswers(people[key], right, answers) for key, right, answers in rows]
    return sorted(found, key=lambda one: (-one.answers, str(one.reviewer)))


@dataclass(frozen=True)
class OwnFigures:
    """One reviewer's own. Each pair is (part, whole).

    agreed      blind reviews of either side in which both said the same
    golden      golden cases answered right
    upheld      own first verdicts that a second look, an appeal or a second signature upheld
    """

    agreed: tuple[int, int]
    golden: tuple[int, int]
    upheld: tuple[int, int]


def get_own_figures(user: User, looks: QuerySet[SecondLook]) -> OwnFigures:
    """Return one reviewer's own agreement; two queries."""
    blind = Q(kind=LookKind.BLIND, answered_at__isnull=False)
    first = looks.filter(first_reviewer=user).aggregate(
        agreed=Count("pk", filter=blind & Q(is_agreed=True)),
        answered=Count("pk", filter=blind),
        upheld=Count("pk", filter=Q(is_first_right=True)),
        judged=Count("pk", filter=Q(is_first_right__isnull=False)),
    )
    golden = Q(kind=LookKind.GOLDEN, is_second_right__isnull=False)
    second = looks.filter(second_reviewer=user).aggregate(
        agreed=Count("pk", filter=blind & Q(is_agreed=True)),
        answered=Count("pk", filter=blind),
        right=Count("pk", filter=golden & Q(is_second_right=True)),
        golden=Count("pk", filter=golden),
    )
    return OwnFigures(
        agreed=(first["agreed"] + second["agreed"], first["answered"] + second["answered"]),
        golden=(second["right"], second["golden"]),
        upheld=(first["upheld"], first["judged"]),
    )


def _judged(looks: QuerySet[SecondLook]) -> QuerySet[SecondLook]:
    """Return the looks of real decisions whose first is known to be right or wrong."""
    return looks.filter(is_first_right__isnull=False).exclude(kind=LookKind.GOLDEN).order_by()


def _grouped(looks: QuerySet[SecondLook], column: str) -> list[tuple[int, int, int]]:
    counted = looks.values(key=F(column)).annotate(
        looks=Count("pk"), wrong=Count("pk", filter=Q(is_first_right=False))
    )
    return list(counted.values_list("key", "wrong", "looks"))


def _sorted(rows: Iterable[Overturned]) -> list[Overturned]:
    return sorted(rows, key=lambda row: (-row.looks, str(row.key)))


def _empty_table() -> list[list[int]]:
    return [[0] * len(CLASSES) for _ in CLASSES]


def _queue_agreement(queue: Queue, table: list[list[int]]) -> QueueAgreement:
    agreed = sum(table[i][i] for i in range(len(table)))
    return QueueAgreement(queue, cohen_kappa(table), sum(map(sum, table)), agreed)
