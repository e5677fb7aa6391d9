"""One row of every table, so that every page of the admin has something to show."""

from datetime import timedelta
from typing import Any

from accounts.models import Role, User
from cases.appealing import open_appeal
from cases.breaks import go_off
from cases.bulk_models import BulkVerdict, SelectedCase, Selection
from cases.macros import MacroFields, create_macro
from cases.measuring import measure_desk
from cases.models import Calendar, CaseExclusion, Queue, ReviewCase, Verdict
from cases.notes import add_note
from cases.quality.models import GoldenCase, LookReason, LookRule, SecondLook
from catalog.models import BannedTerm
from core import audit, journal
from core.actors import SYSTEM
from core.models import ExchangeRate, IdempotencyKey
from core.refs import Ref
from delivery.choices import choose
from delivery.models import Notification
from intake.models import ImportBatch
from merchants.models import Merchant
from orders.handling import record_payment_event
from orders.models import Order
from orders.placing import Contact
from orders.services import decline_order, hold_order
from recommendations.models import ItemNeighbours, RecommendationRun
from risk.list_files import NewEntry
from risk.models import (
    AccountScore,
    Alert,
    BacktestPart,
    Decision,
    Explanation,
    Label,
    ModelHealth,
    ModelReport,
    ParityRun,
    Rollup,
    ShadowScore,
    TuningTrial,
)
from risk.rules.engine import Effect
from risk.services import add_entries, create_list, pull_brake, snooze_rule
from tests.make import (
    NOON,
    make_application,
    make_image,
    make_key,
    make_listing,
    make_live_ruleset,
    make_merchant,
    make_model,
    make_order,
    make_rule,
    make_user,
)
from tests.orders.handled import MEMBER, make_accepted, refund, ship

SECRETS = ("6222021234567800001", "li@example.com", "13900001234", "changsha road 5")


def make_everything() -> None:
    """Write at least one row of every table of ours."""
    owner = make_user(Role.REVIEWER)
    merchant = make_merchant(owner=owner)
    make_key(merchant)
    make_application(merchant, user=owner, bank_account=SECRETS[0])
    _make_catalogue(merchant)
    order = _make_order(merchant)
    hold_order(make_order(merchant), actor=SYSTEM, at=NOON, reason_codes=["velocity_card"])
    _make_judgement(order, owner)
    _make_system()
    audit.seal(at=NOON + timedelta(days=3650))


def _make_catalogue(merchant: Merchant) -> None:
    listing = make_listing(merchant)
    revision = listing.live_revision
    assert revision is not None
    BannedTerm.objects.create(term="counterfeit", category=revision.category)
    run = RecommendationRun.objects.create(
        kind="neighbourhood", as_of=NOON, interactions=1, items=1, is_live=True
    )
    ItemNeighbours.objects.create(run=run, listing=listing, ranked=[])


def _make_order(merchant: Merchant) -> Order:
    contact = Contact(name="李雷", email=SECRETS[1], phone=SECRETS[2], address=SECRETS[3])
    order = make_accepted(merchant, contact=contact)
    ship(order)
    asked = refund(order, 1)
    record_payment_event(
        order,
        external_id="pay-1",
        kind="refund_succeeded",
        amount_minor=asked.amount_minor,
        refund=asked,
        occurred_at=NOON,
        actor=MEMBER,
        at=NOON,
    )
    return order


def _make_judgement(order: Order, reviewer: User) -> None:
    _make_rules()
    model = make_model()
    subject: dict[str, Any] = {"subject_kind": "order", "subject_id": order.pk}
    decision = Decision.objects.create(
        **subject,
        merchant_id=order.merchant_id,
        as_of=NOON,
        outcome="review",
        score=0.4,
        features=b"",
        feature_hash="",
        snapshot={"amount": 150},
        model_id=model.pk,
        code_version="test",
        created_at=NOON,
    )
    Explanation.objects.create(decision=decision, contributions=b"", feature_hash="")
    ShadowScore.objects.create(decision_id=decision.pk, model=model, score=0.3)
    ModelReport.objects.create(model=model, data={"format": "backoffice-report-1"})
    TuningTrial.objects.create(
        run=model.training, number=0, parameters={"num_leaves": 31}, value=0.4, state="complete"
    )
    ModelHealth.objects.create(
        model=model,
        subject="order",
        day=NOON.date(),
        since=NOON.date(),
        measured_at=NOON,
        outcomes_at=NOON,
        rows=1,
    )
    Label.objects.create(**subject, is_bad=False, source="verdict", occurred_at=NOON, known_at=NOON)
    AccountScore.objects.create(merchant=order.merchant, score=0.7, band="high", as_of=NOON)
    Alert.objects.create(
        merchant=order.merchant,
        code="account_risk_high",
        from_band="low",
        to_band="high",
        score=0.7,
        created_at=NOON,
    )
    office = Calendar.objects.create(code="office")
    queue = Queue.objects.create(code="orders-test", name_en="Orders", subject="order", calendar=office)
    case = ReviewCase.objects.create(
        **subject, queue=queue, decision=decision, title="Order", sort_key=1, due_at=NOON, created_at=NOON
    )
    Verdict.objects.create(
        case=case,
        kind="approve",
        reviewer=reviewer,
        claim_token=1,
        evidence_version=1,
        effective_at=NOON,
        created_at=NOON,
    )
    refused = make_order(order.merchant)
    decline_order(refused, actor=MEMBER, at=NOON, reason_codes=["other"])
    assert refused.decline_statement is not None
    appeal = open_appeal(
        refused.decline_statement, text="Look again.", files=[make_image()], actor=SYSTEM, at=NOON
    )
    CaseExclusion.objects.create(case=appeal.case, user=reviewer)
    golden = GoldenCase.objects.create(
        case=appeal.case,
        queue=appeal.case.queue,
        kind="approve",
        why="Plain.",
        judged_at=NOON,
        marked_by=reviewer,
        created_at=NOON,
    )
    look = SecondLook.objects.create(
        kind="golden",
        queue=appeal.case.queue,
        case=appeal.case,
        golden=golden,
        judged_at=NOON,
        first_kind="approve",
        created_at=NOON,
    )
    LookReason.objects.create(look=look, code="other", by_first=True, by_second=False)
    LookRule.objects.create(look=look, code="R-DEAR")
    colleague = make_user(Role.REVIEWER, email="called@example.com")
    assert colleague.pk
    Notification.objects.create(user=colleague, kind="mention", case=case, channel="mail", created_at=NOON)
    go_off(colleague, at=NOON)
    choose(colleague, {"mention": "digest"}, hour=8, time_zone="UTC")
    create_macro(MacroFields(name="Plain", kind="approve"), subject="order", by=colleague, at=NOON)
    add_note(case, text="@called, look.", files=[make_image()], author=make_user(Role.REVIEWER), at=NOON)
    selection = Selection.objects.create(queue=case.queue, reviewer=reviewer, matched=1, created_at=NOON)
    SelectedCase.objects.create(selection=selection, case=case, position=1, evidence_version=1)
    BulkVerdict.objects.create(selection=selection, kind="approve")
    measure_desk(at=NOON)


def _make_rules() -> None:
    ruleset = make_live_ruleset(make_rule("order.amount > 1", Effect.REVIEW, code="R-DEAR"))
    BacktestPart.objects.create(backtest=ruleset.backtests.get(), number=0, row_count=1, tally=b"")
    analyst = make_user(Role.RISK_ANALYST)
    watched = create_list("watched", "Watched", kind="device", author=analyst)
    add_entries(watched, [NewEntry(SECRETS[2])], author=analyst)
    snooze_rule(
        "order",
        "R-DEAR",
        entity="buyer",
        key=1,
        until=NOON + timedelta(days=1),
        reason="Known",
        author=analyst,
        at=NOON,
    )
    pull_brake("order", rule_code="R-DEAR", by=analyst, at=NOON)
    Rollup.objects.create(source="orders", entity="buyer", key=1, watermark=NOON)
    ParityRun.objects.create(since=NOON - timedelta(days=1), until=NOON, started_at=NOON)


def _make_system() -> None:
    ExchangeRate.objects.create(currency="USD", rate=7, valid_from=NOON)
    IdempotencyKey.objects.create(
        credential="key", key="k-1", fingerprint="f", status=201, body=b"{}", created_at=NOON
    )
    ImportBatch.objects.create(mapping="olist", mapping_hash="h", file_name="o.csv", content_sha256="s")
    with journal.unit():
        audit.record("test.made", actor=SYSTEM, subject=Ref("order", 1))
