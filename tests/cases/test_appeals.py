"""Appeals: in time, once, never with the first reviewer, undone exactly or denied with reasons."""

from datetime import timedelta
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import IntegrityError, transaction

from accounts.models import Role, User
from cases import claims
from cases.appeals import find_appeal
from cases.effects import possible_kinds
from cases.models import Appeal, CaseExclusion, ReviewCase
from cases.services import NewVerdict, claim_case, claim_next, record_verdict
from core.actors import SYSTEM
from core.errors import Conflict, PermissionDenied, ValidationFailed
from core.models import AuditEntry, Effect, OutboxEvent, Statement, TransitionRecord
from merchants import services as merchants
from orders.models import Order
from orders.services import decline_order
from risk.models import Label
from tests.cases.appealed import MEMBER, appeal, ask, decide, refused, waiting
from tests.cases.builders import make_reviewer
from tests.core.racing import at_once, on_postgresql
from tests.make import NOON, make_image, make_merchant, make_order, make_upload

pytestmark = pytest.mark.django_db
SUBJECTS = ("order", "listing", "application")
every_subject = pytest.mark.parametrize("kind", SUBJECTS)


@pytest.fixture
def first() -> User:
    return make_reviewer("first@example.com")


@pytest.fixture
def second() -> User:
    return make_reviewer("second@example.com")


# ── Opening ──────────────────────────────────────────────────────────────────────────────────────
@every_subject
def test_an_appeal_asks_about_the_subject_and_changes_nothing_yet(kind: str, first: User) -> None:
    row, statement = refused(kind, first)
    before = row.status
    opened = appeal(statement)
    row.refresh_from_db()
    assert row.status == before
    opened = Appeal.objects.get(pk=opened.pk)
    assert (opened.statement, opened.status, opened.decided_at) == (statement, "open", None)
    assert (opened.case.subject_kind, opened.case.subject_id) == (kind, row.pk)
    assert opened.due_at == opened.case.due_at
    assert find_appeal(opened.case) == opened
    assert OutboxEvent.objects.get(type="appeal.opened").merchant_id == statement.merchant_id
    assert AuditEntry.objects.get(action="appeal.opened").detail["statement"] == statement.pk


def test_a_machines_decline_is_appealed_too(second: User) -> None:
    order = make_order()
    decline_order(order, actor=SYSTEM, at=NOON, reason_codes=["score_high"])
    decide(appeal(Statement.objects.get()).case, second, "approve")
    order.refresh_from_db()
    assert order.status == "awaiting_acceptance"


@pytest.mark.parametrize(
    ("text", "files", "problem"),
    [
        ("  ", [], ("/text", "required")),
        ("x" * 4_001, [], ("/text", "too_long")),
        ("Look.", [make_upload() for _ in range(6)], ("/files", "too_many_files")),
    ],
    ids=["empty", "long", "many files"],
)
def test_bad_input_is_refused_whole(
    text: str, files: list[Any], problem: tuple[str, str], first: User
) -> None:
    _row, statement = refused("order", first)
    with pytest.raises(ValidationFailed) as caught:
        appeal(statement, text=text, files=files)
    assert [(error.pointer, error.code) for error in caught.value.errors] == [problem]
    assert not Appeal.objects.exists()


def test_a_disguised_file_is_refused(first: User) -> None:
    _row, statement = refused("order", first)
    disguised = SimpleUploadedFile("proof.pdf", b"MZ an executable", "application/pdf")
    with pytest.raises(ValidationFailed) as caught:
        appeal(statement, files=[make_image(), disguised])
    assert [(error.pointer, error.code) for error in caught.value.errors] == [("/files/1", "file_type")]
    assert not Appeal.objects.exists()


def test_evidence_is_told_by_its_content_and_kept_without_its_name(first: User) -> None:
    _row, statement = refused("order", first)
    opened = appeal(statement, files=[make_image(), make_upload(name="my secret.pdf")])
    kept = list(opened.files.order_by("pk"))
    assert [file.content_type for file in kept] == ["image/png", "application/pdf"]
    assert not any("secret" in str(file.file.name) for file in kept)


def test_one_appeal_per_statement(first: User) -> None:
    _row, statement = refused("order", first)
    appeal(statement)
    with pytest.raises(Conflict) as caught:
        appeal(statement)
    assert caught.value.code == "already_appealed"
    assert Appeal.objects.count() == ReviewCase.objects.filter(status="queued").count() == 1


def test_the_window_ends_after_six_months(first: User) -> None:
    _row, statement = refused("order", first)
    assert statement.appeal_until is not None
    with pytest.raises(Conflict) as caught:
        appeal(statement, at=statement.appeal_until + timedelta(seconds=1))
    assert caught.value.code == "appeal_too_late"
    appeal(statement, at=statement.appeal_until)


def test_what_is_not_final_cannot_be_appealed() -> None:
    waiting("order")
    with pytest.raises(Conflict) as caught:
        appeal(Statement.objects.get())
    assert caught.value.code == "not_appealable"


def test_what_no_longer_stands_cannot_be_appealed(first: User) -> None:
    order, statement = refused("order", first)
    Order.objects.filter(pk=order.pk).update(status="received", decline_statement=None)
    with pytest.raises(Conflict) as caught:
        appeal(statement)
    assert caught.value.code == "statement_overtaken"


def test_what_somebody_looks_at_already_waits_for_them(first: User) -> None:
    order, statement = refused("order", first)
    ask("order", order, merchant=order.merchant)
    with pytest.raises(Conflict) as caught:
        appeal(statement)
    assert caught.value.code == "case_open"


class TestRacing:
    pytestmark = on_postgresql

    def test_of_appeals_at_once_one_is_opened(self) -> None:
        _row, statement = refused("order", make_reviewer("first@example.com"))

        def object_(number: int) -> str:
            try:
                appeal(statement)
            except Conflict as refusal:
                return refusal.code
            return "opened"

        assert sorted(at_once(6, object_)) == [*["already_appealed"] * 5, "opened"]
        assert Appeal.objects.count() == 1


# ── Whom it goes to ──────────────────────────────────────────────────────────────────────────────
@every_subject
def test_the_first_reviewer_is_never_offered_the_appeal(kind: str, first: User, second: User) -> None:
    _row, statement = refused(kind, first)
    case = appeal(statement).case
    assert claim_next(first, at=NOON) is None
    with pytest.raises(PermissionDenied) as caught:
        claim_case(case, first, at=NOON)
    assert caught.value.code == "own_decision"
    assert claim_next(second, at=NOON) == case


def test_a_superuser_who_decided_is_kept_away_as_well(second: User) -> None:
    root = User.objects.create_superuser("root@example.com")
    _row, statement = refused("order", root)
    case = appeal(statement).case
    assert claim_next(root, at=NOON) is None
    with pytest.raises(PermissionDenied) as caught:
        claim_case(case, root, at=NOON)
    assert caught.value.code == "own_decision"
    assert claim_next(second, at=NOON) == case


def test_who_only_claimed_or_escalated_is_kept_away_as_well(first: User, second: User) -> None:
    _order, case = waiting("order")
    looked, passed_on, senior = (
        make_reviewer("looked@example.com"),
        make_reviewer("passed@example.com"),
        make_reviewer("senior@example.com", role=Role.SENIOR_REVIEWER),
    )
    claimed = claim_case(case, looked, at=NOON)
    claims.release_claim(claimed, looked, token=claimed.claim_token, at=NOON)
    decide(case, passed_on, "escalate")
    decide(ReviewCase.objects.get(pk=case.pk), senior)
    opened = appeal(Statement.objects.get(effect=Effect.DECLINED))
    assert set(CaseExclusion.objects.values_list("user", flat=True)) == {looked.pk, passed_on.pk, senior.pk}
    for user in (looked, passed_on, senior):
        assert claim_next(user, at=NOON) is None
    assert claim_next(second, at=NOON) == opened.case


def test_a_verdict_of_the_first_reviewer_is_refused_whoever_gave_them_the_claim(first: User) -> None:
    _row, statement = refused("order", first)
    case = appeal(statement).case
    ReviewCase.objects.filter(pk=case.pk).update(
        status="claimed", claimed_by=first, claim_token=1, claim_expires_at=NOON + timedelta(minutes=5)
    )
    with pytest.raises(PermissionDenied) as caught:
        record_verdict(case, NewVerdict("approve", 1, 1), reviewer=first, at=NOON)
    assert caught.value.code == "own_decision"


def test_the_merchants_own_reviewer_is_kept_away(second: User) -> None:
    merchant = make_merchant(owner=second)
    _row, statement = refused("order", make_reviewer("first@example.com"), merchant)
    assert appeal(statement, by=second).actor_id == str(second.pk)
    assert claim_next(second, at=NOON) is None


@every_subject
def test_an_appeal_is_upheld_or_denied_and_asks_for_nothing(kind: str, first: User) -> None:
    _row, statement = refused(kind, first)
    assert set(possible_kinds(appeal(statement).case)) <= {"approve", "reject", "escalate", "hold"}


# ── What follows ─────────────────────────────────────────────────────────────────────────────────
@pytest.mark.parametrize(
    ("kind", "status"),
    [("order", "awaiting_acceptance"), ("listing", "approved"), ("application", "approved")],
)
def test_an_upheld_appeal_undoes_the_effects(kind: str, status: str, first: User, second: User) -> None:
    row, statement = refused(kind, first)
    assert Label.objects.get(superseded_at=None).is_bad
    opened = appeal(statement)
    decide(opened.case, second, "approve", message="We were wrong.", codes=())
    row = type(row).objects.get(pk=row.pk)
    opened.refresh_from_db()
    assert row.status == status
    column = "decline_statement" if kind == "order" else "rejection_statement"
    assert getattr(row, column) is None
    assert (opened.status, opened.message, opened.denial) == ("upheld", "We were wrong.", None)
    assert opened.decided_at == NOON
    assert opened.texts.keys() == {"en", "zh-hans"}
    standing = Label.objects.filter(superseded_at=None)
    assert {(label.source, label.is_bad) for label in standing} == {("appeal", False), ("verdict", False)}
    assert {label.known_at for label in standing} == {NOON}
    assert OutboxEvent.objects.filter(type="appeal.upheld", merchant_id=statement.merchant_id).count() == 1
    assert TransitionRecord.objects.filter(subject_kind="appeal", action="uphold").count() == 1
    assert AuditEntry.objects.get(action="appeal.upheld").actor_id == str(second.pk)
    # The statement stays as it was given.
    assert Statement.objects.get(pk=statement.pk).texts == statement.texts


def test_an_upheld_listing_is_live_and_an_upheld_applicant_sells(first: User, second: User) -> None:
    revision, statement = refused("listing", first)
    decide(appeal(statement).case, second, "approve")
    revision.listing.refresh_from_db()
    assert (revision.listing.status, revision.listing.live_revision) == ("live", revision)
    application, statement = refused("application", first)
    decide(appeal(statement).case, second, "approve")
    application.merchant.refresh_from_db()
    assert application.merchant.status == "active"


def test_an_order_whose_payment_was_voided_meanwhile_waits_for_it(first: User, second: User) -> None:
    order, statement = refused("order", first)
    Order.objects.filter(pk=order.pk).update(payment_status="voided")
    decide(appeal(statement).case, second, "approve")
    order.refresh_from_db()
    assert (order.status, order.hold_kind) == ("awaiting_payment", "")


def test_a_draft_of_a_later_attempt_gives_way(first: User, second: User) -> None:
    application, statement = refused("application", first)
    later = merchants.restart_application(application, user=None, at=NOON, actor=MEMBER)
    decide(appeal(statement).case, second, "approve")
    later.refresh_from_db()
    assert later.status == "withdrawn"


def test_an_attempt_that_was_handed_in_is_decided_first(first: User, second: User) -> None:
    application, statement = refused("application", first)
    later = merchants.restart_application(application, user=None, at=NOON, actor=MEMBER)
    type(later).objects.filter(pk=later.pk).update(status="submitted")
    opened = appeal(statement)
    with pytest.raises(Conflict) as caught:
        decide(opened.case, second, "approve")
    assert caught.value.code == "application_open"
    opened.refresh_from_db()
    assert opened.status == "open"


@every_subject
def test_a_denied_appeal_has_reasons_of_its_own_and_is_the_end(kind: str, first: User, second: User) -> None:
    row, statement = refused(kind, first)
    before = row.status
    opened = appeal(statement)
    decide(opened.case, second, message="We looked again.", codes=["policy_violation"])
    opened.refresh_from_db()
    row.refresh_from_db()
    denial = opened.denial
    assert denial is not None
    assert (row.status, opened.status) == (before, "denied")
    assert (denial.effect, denial.appeal_until, denial.is_automated) == (Effect.APPEAL_DENIED, None, False)
    assert (denial.reason_codes, denial.message) == (["policy_violation"], "We looked again.")
    assert "cannot be appealed again" in denial.texts["en"]["appeal"]
    assert Label.objects.filter(source="appeal", is_bad=True).count() == 1
    assert OutboxEvent.objects.filter(type="appeal.denied").count() == 1
    for statement_ in (statement, denial):
        with pytest.raises(Conflict):
            appeal(statement_)


def test_a_denial_cannot_do_without_its_reasons(first: User) -> None:
    _row, statement = refused("order", first)
    opened = appeal(statement)
    with pytest.raises(IntegrityError), transaction.atomic():
        Appeal.objects.filter(pk=opened.pk).update(status="denied", decided_at=NOON)


def test_a_restriction_is_appealed_and_lifted(first: User, second: User) -> None:
    merchant = make_merchant()
    merchants.restrict_merchant(merchant, actor=SYSTEM, at=NOON, reason_codes=["chargebacks_high"])
    decide(appeal(Statement.objects.get()).case, second, "approve")
    merchant.refresh_from_db()
    assert merchant.status == "active"
