"""A marketplace to measure on: imported history, a trained champion and a live ruleset."""

import tempfile
from datetime import timedelta
from pathlib import Path
from unittest import mock

from django.db import connection
from django.utils import timezone

from accounts.models import Role, User
from accounts.services import grant_role
from cases.services import ensure_default_queues
from core.actors import SYSTEM
from intake.imports import run_import
from ml import datasets
from ml.comparison import Margins
from orders.models import Order
from risk import comparing, rollups, services, training
from risk.models import ModelStatus, ModelVersion, Subject, TrainingRun
from risk.rules.engine import Effect, RuleDefinition
from risk.selectors import find_live, find_passing_comparison
from risk.starter import orders as starter
from risk.starter.publishing import publish
from simulation import generate, write
from simulation.loading import load_standing

# What is timed is the trees: whether they beat a line on so few bad orders is chance, and left to the gate.
_WIDE = Margins(average_precision=1.0, cost_share=100.0)
_FEWEST_JUDGED = 5  # bad among the later of ten thousand orders: about ten


def prepare_marketplace(*, orders: int, rules: int, seed: int) -> None:
    """Fill an empty database; whatever is there already is kept."""
    now = timezone.now()
    author, approver = (_analyst(f"bench-{name}@example.com") for name in ("author", "approver"))
    ensure_default_queues()
    if not Order.objects.exists():
        _import(orders, seed)
    if not ModelVersion.objects.filter(subject=Subject.ORDER, status="champion").exists():
        run = services.request_training(Subject.ORDER, as_of=now, requested_by=None)
        with (
            mock.patch.object(comparing, "Margins", return_value=_WIDE),
            mock.patch.object(datasets, "MIN_LABELS_PER_CLASS", _FEWEST_JUDGED),
        ):
            version = training.run(run.pk, at=now)
        if version is None:
            run.refresh_from_db()
            raise SystemExit(f"The model could not be trained: {run.message}")
        promote_best(run, approver)
    if find_live(Subject.ORDER) is None:
        draft = services.create_draft(
            Subject.ORDER, "Benchmark", rules=_rules(rules), policy=starter.POLICY, author=author
        )
        publish(draft, author=author, approver=approver, at=now + timedelta(seconds=1))


def promote_best(run: TrainingRun, approver: User) -> None:
    """Promote the LightGBM model of a training, or the baseline where that is all that passed."""
    at = timezone.now()
    passed = [
        version for version in run.versions.all() if find_passing_comparison(version, at=at) is not None
    ]
    if not passed:
        raise SystemExit("No model passed its comparison.")
    best = min(passed, key=lambda version: version.kind != "lightgbm")
    if best.status == ModelStatus.CANDIDATE:
        services.shadow_model(best, by=approver, at=at)
    services.promote_model(best, approver=approver, at=at)


def grow_marketplace(*, to: int, seed: int) -> None:
    """Import more history until there are about that many orders, and roll busy keys up."""
    missing = to - Order.objects.count()
    if missing > 0:
        _import(missing, seed)


def _import(orders: int, seed: int) -> None:
    now = timezone.now()
    sample = generate(orders, seed, now)
    load_standing(sample, before=now)
    with tempfile.TemporaryDirectory() as folder:
        write(sample, Path(folder))
        run_import(Path(folder), "backoffice", actor=SYSTEM, at=now)
    # What happens by the clock: the planner gets its numbers, what a large import leaves is tidied up and
    # written, and busy keys get their rollups. Left undone, it would happen in the middle of a measurement.
    with connection.cursor() as cursor:
        for statement in ("VACUUM ANALYZE", "CHECKPOINT"):
            cursor.execute(statement)
    rollups.enlist(at=timezone.now())
    rollups.advance(at=timezone.now())


def _rules(count: int) -> list[RuleDefinition]:
    """The starter rules, filled up to `count` with velocity rules that honest orders do not meet."""
    windows = ("1h", "24h", "7d", "30d")
    entities = ("buyer", "device", "card", "address", "ip")
    names = [f"{entity}_orders_{window}_count" for window in windows for entity in entities]
    names += [f"{entity}_amount_{window}_sum" for window in windows for entity in entities]
    extra = [
        RuleDefinition(
            code=f"R-BENCH-{number:03}",
            name=f"Far too much: {name}",
            condition=f"{name} > 100000000 and order.amount > {number}",
            effect=Effect.POINTS,
            points=5,
            reason_code="velocity_device",
        )
        for number, name in enumerate(names)
    ]
    return [*starter.RULES, *extra][:count]


def _analyst(email: str) -> User:
    user = User.objects.filter(email=email).first() or User.objects.create_user(email)
    grant_role(user, Role.RISK_ANALYST, actor=SYSTEM)
    return user
