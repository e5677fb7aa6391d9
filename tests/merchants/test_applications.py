"""An application is drafted, handed in, decided; each step in its state only, each leaving its rows."""

from datetime import timedelta
from typing import Any

import pytest

from core.actors import SYSTEM
from core.encryption import decrypt
from core.errors import Conflict, InvalidTransition, ValidationFailed
from core.models import AuditEntry, OutboxEvent, TransitionRecord
from core.outbox import TaskCall
from merchants import services
from merchants.answers import ApplicationFields
from merchants.models import Membership, MerchantApplication
from merchants.services import RequestedItem
from tests.make import NOON, make_application, make_upload, make_user

pytestmark = pytest.mark.django_db


def pointers(error: pytest.ExceptionInfo[ValidationFailed]) -> set[str]:
    return {one.pointer for one in error.value.errors}


def screened(**answers: Any) -> MerchantApplication:
    application = make_application(**answers)
    services.submit_application(application, actor=SYSTEM, at=NOON)
    services.begin_screening(application)
    return application


def asked(*codes: str) -> MerchantApplication:
    application = screened()
    items = [RequestedItem(code, "document_unreadable", "A clearer copy, please.") for code in codes]
    services.request_information(application, items, actor=SYSTEM, at=NOON)
    return application


def test_start_makes_merchant_owner_and_draft() -> None:
    user = make_user()
    application = services.start_application(user, at=NOON, actor=SYSTEM)
    membership = Membership.objects.get(user=user)
    assert (membership.role, membership.merchant_id) == ("owner", application.merchant_id)
    assert (application.status, application.merchant.status) == ("draft", "onboarding")


def test_personal_data_is_encrypted_and_fingerprinted() -> None:
    application = make_application(
        bank_account="DE89 3704 0044 0532 0130 00", country="DE", registration_number="DE136695976"
    )
    stored = MerchantApplication.objects.get(pk=application.pk)
    assert stored.bank_account is not None
    assert b"3704" not in bytes(stored.bank_account)
    assert decrypt(stored.bank_account) == "DE89370400440532013000"
    same = make_application(
        bank_account="de89370400440532013000", country="DE", registration_number="136 695 976"
    )
    assert (same.bank_account_key, same.registration_key) == (
        stored.bank_account_key,
        stored.registration_key,
    )


def test_saving_names_every_wrong_field_and_writes_none() -> None:
    application = make_application()
    answers = ApplicationFields(
        company_name="Other", bank_account="1", contact_email="no", contact_phone="no"
    )
    with pytest.raises(ValidationFailed) as error:
        services.save_application(application, answers, actor=SYSTEM)
    assert pointers(error) == {"/bank_account", "/contact_email", "/contact_phone"}
    assert MerchantApplication.objects.get(pk=application.pk).company_name != "Other"


def test_changing_the_country_checks_the_number_again() -> None:
    application = make_application()
    assert application.is_registration_valid is True
    services.save_application(application, ApplicationFields(country="FJ"), actor=SYSTEM)
    assert MerchantApplication.objects.get(pk=application.pk).is_registration_valid is None


def test_audit_of_a_save_holds_no_personal_data() -> None:
    application = make_application(contact_email="very.private@example.com")
    entries = AuditEntry.objects.filter(subject_id=application.pk, action="application.saved")
    assert entries
    assert "private" not in str([entry.detail for entry in entries])


def test_submit_names_everything_that_is_missing() -> None:
    application = services.start_application(make_user(), at=NOON, actor=SYSTEM)
    with pytest.raises(ValidationFailed) as error:
        services.submit_application(application, actor=SYSTEM, at=NOON)
    assert {"/company_name", "/bank_account", "/document_licence", "/terms_version"} <= pointers(error)
    assert application.status == "draft"


def test_submit_records_moment_and_event() -> None:
    application = make_application()
    services.submit_application(application, actor=SYSTEM, at=NOON)
    stored = MerchantApplication.objects.get(pk=application.pk)
    assert (stored.status, stored.submitted_at, stored.known_at) == ("submitted", NOON, NOON)
    event = OutboxEvent.objects.get(type="merchant.application.submitted", subject_id=application.pk)
    assert event.merchant_id == application.merchant_id


def test_submit_sends_its_task_after_the_commit(
    request: pytest.FixtureRequest, django_capture_on_commit_callbacks: Any
) -> None:
    sent = request.getfixturevalue("sent_tasks")
    application = make_application()
    call = TaskCall("intake.tasks.decide_application", (application.pk,))
    with django_capture_on_commit_callbacks(execute=True):
        services.submit_application(application, actor=SYSTEM, at=NOON, send=[call])
        assert sent == []
    assert sent == [("intake.tasks.decide_application", [application.pk])]


def test_submitting_twice_is_refused() -> None:
    application = make_application()
    services.submit_application(application, actor=SYSTEM, at=NOON)
    with pytest.raises(InvalidTransition):
        services.submit_application(application, actor=SYSTEM, at=NOON)
    assert TransitionRecord.objects.filter(subject_id=application.pk, action="submit").count() == 1


def test_submitted_application_cannot_be_edited() -> None:
    application = make_application()
    services.submit_application(application, actor=SYSTEM, at=NOON)
    with pytest.raises(InvalidTransition):
        services.save_application(application, ApplicationFields(company_name="Late"), actor=SYSTEM)
    with pytest.raises(InvalidTransition):
        services.add_document(application, make_upload(), "licence", actor=SYSTEM)


def test_save_loses_against_a_submit_that_came_between() -> None:
    application = make_application()
    stale = MerchantApplication.objects.select_related("merchant").get(pk=application.pk)
    services.submit_application(application, actor=SYSTEM, at=NOON)
    with pytest.raises(Conflict):
        services.save_application(stale, ApplicationFields(company_name="Late"), actor=SYSTEM)


def test_approval_activates_the_merchant() -> None:
    application = screened()
    services.approve_application(application, actor=SYSTEM, at=NOON)
    application.refresh_from_db()
    assert (application.status, application.merchant.status) == ("approved", "active")
    events = OutboxEvent.objects.filter(merchant_id=application.merchant_id).values_list("type", flat=True)
    assert {"merchant.application.approved", "merchant.activated"} <= set(events)


def test_approving_twice_is_refused() -> None:
    application = screened()
    services.approve_application(application, actor=SYSTEM, at=NOON)
    with pytest.raises(InvalidTransition):
        services.approve_application(application, actor=SYSTEM, at=NOON)


def test_review_is_no_decision_yet() -> None:
    application = screened()
    services.review_application(application, at=NOON, reason_codes=["registration_unchecked"])
    application.refresh_from_db()
    assert (application.status, application.decided_at) == ("in_review", None)


def test_rejection_needs_a_reason() -> None:
    application = screened()
    with pytest.raises(ValidationFailed):
        services.reject_application(application, actor=SYSTEM, at=NOON, reason_codes=[])
    services.reject_application(application, actor=SYSTEM, at=NOON, reason_codes=["document_reused"])
    assert application.merchant.status == "onboarding"


def test_only_requested_items_can_be_changed() -> None:
    application = asked("document_licence")
    with pytest.raises(ValidationFailed) as error:
        services.save_application(application, ApplicationFields(company_name="Other"), actor=SYSTEM)
    assert pointers(error) == {"/company_name"}
    with pytest.raises(ValidationFailed):
        services.add_document(application, make_upload(), "identity", actor=SYSTEM)


def test_resubmission_needs_every_item_and_counts_the_attempt() -> None:
    application = asked("document_licence", "company_name")
    services.save_application(application, ApplicationFields(company_name="New name"), actor=SYSTEM)
    with pytest.raises(ValidationFailed) as error:
        services.submit_application(application, actor=SYSTEM, at=NOON)
    assert pointers(error) == {"/document_licence"}
    services.add_document(application, make_upload(b"clear"), "licence", actor=SYSTEM)
    services.submit_application(application, actor=SYSTEM, at=NOON + timedelta(days=1))
    application.refresh_from_db()
    assert (application.status, application.attempt, application.requested_items) == ("submitted", 2, [])


def test_requesting_nothing_is_refused() -> None:
    with pytest.raises(ValidationFailed):
        services.request_information(screened(), [], actor=SYSTEM, at=NOON)


def test_items_to_fix_ask_for_the_document_that_is_owed() -> None:
    application = make_application(
        country="DE",
        entity_type="sole_trader",
        registration_number="DE136695976",
        bank_account="DE89370400440532013000",
    )
    items = services.items_to_fix(application, ["document_unreadable", "registration_invalid", "score_high"])
    assert [item.requirement for item in items] == ["document_identity", "registration_number"]
    assert services.items_to_fix(application, ["score_high"])


def test_withdrawn_application_can_be_started_again_once() -> None:
    user = make_user()
    application = make_application(user=user)
    services.withdraw_application(application, actor=SYSTEM)
    again = services.restart_application(application, user=user, at=NOON, actor=SYSTEM)
    assert (again.status, again.attempt, again.company_name) == ("draft", 2, application.company_name)
    assert again.terms_version == ""
    with pytest.raises(Conflict):
        services.restart_application(application, user=user, at=NOON, actor=SYSTEM)


def test_terminated_entity_cannot_start_again() -> None:
    application = screened()
    services.reject_application(application, actor=SYSTEM, at=NOON, reason_codes=["terminated_entity"])
    with pytest.raises(Conflict):
        services.restart_application(application, user=None, at=NOON, actor=SYSTEM)
