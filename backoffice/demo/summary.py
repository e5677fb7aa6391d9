"""What the demo did, in numbers a person can judge, and whether all of it is sound."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from django.db.models import Count
from django.utils import timezone
from rich.console import Console
from rich.table import Table

from cases.models import CasePurpose, CaseStatus, ReviewCase
from core.models import OutboxEvent
from core.verification import verify
from intake.models import ImportBatch
from merchants.models import Merchant
from orders.models import Order
from recommendations.models import RecommendationRun
from risk.models import (
    Backtest,
    Decision,
    ModelStatus,
    ModelVersion,
    Outcome,
    ParityRun,
    RuleSet,
    RuleSetStatus,
    Subject,
)
from risk.replay import Report

from .desk import replay_all

SUBJECTS = (Subject.ORDER, Subject.LISTING, Subject.APPLICATION)
# Below this the order model has learnt nothing a rule of thumb would not know.
LEAST_ORDER_AUC = 0.75


@dataclass(frozen=True)
class Figures:
    """All numbers of the summary.

    outcomes     subject → outcome → decisions
    cases        subject → cases opened
    models       subject → the champion's metrics, and its baseline's on the same later rows
    judging_ms   milliseconds of facts, rules, score and policy per decision
    parity       the newest comparison of stored inputs with the set-based computation
    replayed     every decision decided again from its row
    """

    imported: int
    outcomes: dict[str, dict[str, int]]
    cases: dict[str, int]
    models: dict[str, dict[str, Any]]
    judging_ms: list[float]
    events: int
    scored_merchants: int
    recommendations: int
    parity: ParityRun | None
    replayed: Report


def gather_figures() -> Figures:
    champions = ModelVersion.objects.filter(status=ModelStatus.CHAMPION)
    latencies = Decision.objects.values_list("latency_us", flat=True)
    return Figures(
        imported=sum(ImportBatch.objects.values_list("rows_applied", flat=True)),
        outcomes=_outcomes(),
        cases=dict(ReviewCase.objects.order_by().values_list("subject_kind").annotate(Count("pk"))),
        models={version.subject: version.metrics for version in champions},
        judging_ms=[sum(steps.values()) / 1_000 for steps in latencies],
        events=OutboxEvent.objects.count(),
        scored_merchants=Merchant.objects.exclude(account_score=None).count(),
        recommendations=RecommendationRun.objects.filter(is_live=True).count(),
        parity=ParityRun.objects.order_by("-started_at").first(),
        replayed=replay_all(),
    )


def print_figures(figures: Figures, *, walk_ms: list[float], seconds: float, console: Console) -> None:
    console.print(_decision_table(figures))
    console.print(_model_table(figures))
    console.print(_other_table(figures, walk_ms, seconds))


def find_problems(figures: Figures) -> Iterator[str]:
    """Yield a sentence for everything that is not as it must be."""
    for subject in SUBJECTS:
        if not figures.outcomes.get(subject):
            yield f"No {subject} was decided."
        if subject not in figures.models:
            yield f"There is no champion model for the subject {subject}."
        if not RuleSet.objects.filter(subject=subject, status=RuleSetStatus.LIVE).exists():
            yield f"There is no live ruleset for the subject {subject}."
    yield from _order_problems(figures)
    if not figures.imported or figures.imported != Order.objects.exclude(import_batch_id=None).count():
        yield "The imported history does not match what the import reported."
    if not figures.scored_merchants:
        yield "No merchant account was scored."
    if not figures.recommendations:
        yield "There are no recommendations."
    yield from _proof_problems(figures)


def _proof_problems(figures: Figures) -> Iterator[str]:
    if not verify(at=timezone.now()).is_whole:
        yield "The audit trail does not verify."
    if not figures.replayed.is_clean or not figures.replayed.replayed:
        yield f"{figures.replayed.differing} decisions come out otherwise when they are decided again."
    if figures.parity is None or figures.parity.mismatches:
        yield "Inputs computed online and over history differ."
    if not Backtest.objects.filter(status=Backtest.Status.FINISHED, ruleset__status="draft").exists():
        yield "The draft for orders has no backtest."


def _order_problems(figures: Figures) -> Iterator[str]:
    decided = Order.objects.filter(import_batch_id=None).count()
    decisions = Decision.objects.filter(subject_kind=Subject.ORDER)
    if decisions.count() != decided or decisions.values("subject_id").distinct().count() != decided:
        yield "Not every streamed order has exactly one decision."
    held = figures.outcomes.get(Subject.ORDER, {}).get(Outcome.REVIEW, 0)
    open_cases = ReviewCase.objects.filter(subject_kind=Subject.ORDER, purpose=CasePurpose.WORK)
    open_cases = open_cases.exclude(status=CaseStatus.CANCELLED)
    if open_cases.count() < held:
        yield "A held order has no case."
    auc = (figures.models.get(Subject.ORDER, {}).get("model") or {}).get("auc") or 0.0
    if auc < LEAST_ORDER_AUC:
        yield f"The order model’s AUC on later time is {auc:.3f}, below {LEAST_ORDER_AUC}."


def _outcomes() -> dict[str, dict[str, int]]:
    found: dict[str, dict[str, int]] = {}
    rows = Decision.objects.order_by().values_list("subject_kind", "outcome").annotate(Count("pk"))
    for subject, outcome, count in rows:
        found.setdefault(subject, {})[outcome] = count
    return found


def _decision_table(figures: Figures) -> Table:
    table = _table("Decided", "Subject", "Approve", "Review", "Decline", "Cases opened")
    for subject in SUBJECTS:
        outcomes = figures.outcomes.get(subject, {})
        counts = [outcomes.get(outcome, 0) for outcome in (Outcome.APPROVE, Outcome.REVIEW, Outcome.DECLINE)]
        counts.append(figures.cases.get(subject, 0))
        table.add_row(str(subject.label), *(f"{count:,}" for count in counts))
    return table


def _model_table(figures: Figures) -> Table:
    table = _table(
        "Models on later time, beside a logistic regression on the same rows",
        "Subject", "Rows", "AUC", "baseline", "Average precision", "baseline",
    )  # fmt: skip
    for subject in SUBJECTS:
        metrics = figures.models.get(subject)
        if metrics is not None:
            model, baseline = metrics["model"], metrics["baseline"]
            table.add_row(
                str(subject.label),
                f"{metrics['rows']['later']:,}",
                *(_figure(part[name]) for name in ("auc", "average_precision") for part in (model, baseline)),
            )
    return table


def _other_table(figures: Figures, walk_ms: list[float], seconds: float) -> Table:
    table = _table("Speed and volume", "", "")
    table.add_row("Orders imported as history", f"{figures.imported:,}")
    table.add_row("Decision: facts, rules, score and policy", _spread(figures.judging_ms))
    if walk_ms:
        table.add_row("Order placed, decided and committed, waited for", _spread(walk_ms))
    table.add_row(
        "Decisions replayed, of which differ", _of(figures.replayed.replayed, figures.replayed.differing)
    )
    if figures.parity is not None:
        table.add_row(
            "Decisions compared for parity, inputs that differ",
            _of(figures.parity.events, figures.parity.mismatches),
        )
    table.add_row("Events announced", f"{figures.events:,}")
    table.add_row("Merchant accounts scored", f"{figures.scored_merchants:,}")
    table.add_row("All of this took", f"{seconds:,.0f} s")
    return table


def _table(title: str, *headings: str) -> Table:
    table = Table(title=title, title_justify="left", title_style="bold", header_style="dim")
    for number, heading in enumerate(headings):
        table.add_column(heading, justify="left" if number == 0 else "right")
    return table


def _of(whole: int, part: int) -> str:
    return f"{whole:,}, {part:,}"


def _figure(value: float | None) -> str:
    return "–" if value is None else f"{value:.3f}"


def _spread(milliseconds: list[float]) -> str:
    if not milliseconds:
        return "–"
    median, last = np.percentile(milliseconds, [50, 99])
    return f"median {median:.1f} ms, p99 {last:.1f} ms"
