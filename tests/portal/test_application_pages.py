"""The application pages: filled in step by step, resumed, handed in, seen by members only."""

from collections.abc import Callable
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.urls import reverse

from core.actors import SYSTEM
from core.ids import encode
from core.models import AuditEntry
from merchants import services
from merchants.answers import ApplicationFields
from merchants.models import MemberRole, Membership, MerchantApplication
from merchants.services import RequestedItem
from tests.make import (
    NOON,
    make_application,
    make_live_ruleset,
    make_merchant,
    make_model,
    make_upload,
    make_user,
)

pytestmark = pytest.mark.django_db
BUSINESS = {
    "country": "CN",
    "entity_type": "company",
    "company_name": "Cloud Peak",
    "registration_number": "91110000600037341L",
}


def sign_in(client: Client, application: MerchantApplication | None = None, *, role: str = "") -> Any:
    """Sign in the applicant, or a colleague in another role."""
    owner = application.applicant if application is not None else None
    user = make_user() if owner is None or role else owner
    if application is not None and role:
        Membership.objects.create(user=user, merchant=application.merchant, role=role)
    client.force_login(user, backend="allauth.account.auth_backends.AuthenticationBackend")
    return user


def step(slug: str) -> str:
    return reverse("portal:application_step", args=[slug])


def test_whoever_is_not_signed_in_is_asked_to(client: Client) -> None:
    for url in (reverse("portal:home"), reverse("portal:application"), step("business")):
        assert client.get(url).headers["Location"].startswith(reverse("account_login"))


def test_newcomer_is_welcomed_and_starts_once(client: Client) -> None:
    user = sign_in(client)
    assert b"application/start" in client.get(reverse("portal:home")).content
    assert client.get(reverse("portal:application")).headers["Location"] == reverse("portal:home")
    assert client.get(reverse("portal:application_start")).status_code == 405
    response = client.post(reverse("portal:application_start"))
    assert response.headers["Location"] == step("business")
    assert MerchantApplication.objects.filter(applicant=user, status="draft").count() == 1


def test_step_saves_and_goes_on(client: Client) -> None:
    application = services.start_application(make_user(), at=NOON, actor=SYSTEM)
    sign_in(client, application)
    response = client.post(step("business"), BUSINESS)
    assert response.headers["Location"] == step("contact")
    application.refresh_from_db()
    assert (application.company_name, application.is_registration_valid) == ("Cloud Peak", True)


def test_step_says_beside_the_field_what_is_wrong(client: Client) -> None:
    sign_in(client, services.start_application(make_user(), at=NOON, actor=SYSTEM))
    response = client.post(step("business"), {**BUSINESS, "company_name": ""})
    assert response.status_code == 422
    assert 'id="id_company_name_errors"' in response.content.decode()
    response = client.post(step("payout"), {"bank_account": "12"})
    assert 'id="id_bank_account_errors"' in response.content.decode()


def test_half_a_step_can_be_saved_for_later(client: Client) -> None:
    application = services.start_application(make_user(), at=NOON, actor=SYSTEM)
    sign_in(client, application)
    half = {**BUSINESS, "registration_number": "", "later": "1"}
    assert client.post(step("business"), half).headers["Location"] == reverse("portal:application")
    assert 'value="Cloud Peak"' in client.get(step("business")).content.decode()


def test_account_number_never_travels_back(client: Client) -> None:
    application = make_application(bank_account="6222021234567890123")
    sign_in(client, application)
    for url in (step("payout"), step("submit"), reverse("portal:application")):
        body = client.get(url).content.decode()
        assert "6222021234567890123" not in body
        assert "•••• 0123" in body
    key = application.bank_account_key
    client.post(step("payout"), {"bank_account": ""})
    application.refresh_from_db()
    assert application.bank_account_key == key


def test_upload_is_kept_or_refused_beside_its_field(client: Client) -> None:
    application = services.start_application(make_user(), at=NOON, actor=SYSTEM)
    sign_in(client, application)
    fake = SimpleUploadedFile("licence.pdf", b"MZ")
    response = client.post(step("documents"), {"kind": "licence", "file": fake})
    assert (response.status_code, application.documents.count()) == (422, 0)
    assert 'id="id_licence_file_errors"' in response.content.decode()
    response = client.post(step("documents"), {"kind": "licence", "file": make_upload()})
    assert (response.status_code, application.documents.count()) == (302, 1)


def test_each_upload_is_labelled_with_its_document(client: Client) -> None:
    application = services.start_application(make_user(), at=NOON, actor=SYSTEM)
    services.save_application(
        application, ApplicationFields(country="CN", entity_type="company"), actor=SYSTEM
    )
    sign_in(client, application)
    page = client.get(step("documents"))
    body, rows = page.content.decode(), page.context["rows"]
    assert len(rows) == 2
    for row in rows:
        field = row["form"]["file"].id_for_label
        assert f'<label for="{field}">{row["state"].requirement.label}' in body


def test_approved_application_that_was_imported_owes_nothing(client: Client) -> None:
    application = services.start_application(make_user(), at=NOON, actor=SYSTEM)
    MerchantApplication.objects.filter(pk=application.pk).update(status="approved", company_name="Cloud Peak")
    sign_in(client, application)
    page = client.get(reverse("portal:application"))
    assert {str(row["status"]) for row in page.context["rows"]} == {"accepted"}
    assert "Incomplete" not in page.content.decode()


def test_submit_lists_what_is_missing_and_needs_the_terms(client: Client) -> None:
    draft = services.start_application(make_user(), at=NOON, actor=SYSTEM)
    sign_in(client, draft)
    response = client.post(step("submit"), {"terms_version": "on"})
    assert response.status_code == 422
    assert step("payout") in response.content.decode()
    draft.refresh_from_db()
    assert draft.status == "draft"


def test_submitted_application_is_approved_and_the_merchant_active(client: Client) -> None:
    make_live_ruleset(subject="application")
    make_model("application")
    application = make_application(terms_version="")
    sign_in(client, application)
    assert client.post(step("submit"), {}).status_code == 422
    response = client.post(step("submit"), {"terms_version": "on"})
    assert response.headers["Location"] == reverse("portal:application")
    application = MerchantApplication.objects.select_related("merchant").get(pk=application.pk)
    assert (application.status, application.merchant.status) == ("approved", "active")
    assert None not in {application.device_key, application.ip_key}


def test_device_is_recognised_from_the_second_step_on(client: Client) -> None:
    application = services.start_application(make_user(), at=NOON, actor=SYSTEM)
    sign_in(client, application)
    client.get(step("business"))
    assert client.cookies["device"]["httponly"]
    client.post(step("business"), BUSINESS)
    application.refresh_from_db()
    assert application.device_key is not None


def test_only_what_was_asked_for_can_be_changed(client: Client) -> None:
    application = make_application()
    services.submit_application(application, actor=SYSTEM, at=NOON)
    services.begin_screening(application)
    items = [RequestedItem("company_name", "registration_invalid", "Please write the full name.")]
    services.request_information(application, items, actor=SYSTEM, at=NOON)
    sign_in(client, application)
    assert "Please write the full name." in client.get(reverse("portal:application")).content.decode()
    body = client.get(step("business")).content.decode()
    assert "Please write the full name." in body
    assert 'name="company_name"' in body
    assert 'name="country"' not in body
    assert client.get(step("payout")).status_code == 404
    client.post(step("business"), {"company_name": "Cloud Peak Trading Co."})
    client.post(step("submit"), {})
    application.refresh_from_db()
    assert (application.status, application.attempt) != ("info_requested", 1)


def test_submitted_application_has_no_steps_any_more(client: Client) -> None:
    application = make_application()
    services.submit_application(application, actor=SYSTEM, at=NOON)
    sign_in(client, application)
    assert client.get(step("business")).headers["Location"] == reverse("portal:application")
    assert 'hx-trigger="every 3s"' in client.get(reverse("portal:application")).content.decode()


def test_withdraw_and_apply_again(client: Client) -> None:
    application = make_application()
    sign_in(client, application)
    client.post(reverse("portal:application_withdraw"))
    response = client.post(reverse("portal:application_restart"))
    assert response.status_code == 302
    assert list(application.merchant.applications.order_by("id").values_list("status", "attempt")) == [
        ("withdrawn", 1),
        ("draft", 2),
    ]
    assert client.post(reverse("portal:application_restart")).status_code == 409


def test_reader_sees_but_does_not_change(client: Client) -> None:
    application = make_application()
    sign_in(client, application, role=MemberRole.READ_ONLY)
    body = client.get(reverse("portal:application")).content.decode()
    assert reverse("portal:application_withdraw") not in body
    assert client.get(step("business")).status_code == 403
    assert client.post(reverse("portal:application_withdraw")).status_code == 403


def test_document_is_sent_safely_to_members_and_on_record(client: Client) -> None:
    application = make_application()
    (document,) = application.documents.all()
    url = reverse("portal:application_document", args=[encode("doc", document.pk)])
    sign_in(client, application)
    response = client.get(url)
    assert response.headers["X-Content-Type-Options"] == "nosniff"
    assert response.headers["Content-Disposition"].startswith("attachment")
    assert "no-store" in response.headers["Cache-Control"]
    assert AuditEntry.objects.filter(action="document.opened", subject_id=document.pk).count() == 1
    sign_in(client, make_application())
    assert client.get(url).status_code == 404
    assert client.get(reverse("portal:application_document", args=["doc_nonsense"])).status_code == 404


def test_switching_to_somebody_elses_merchant_is_not_found(client: Client) -> None:
    application = make_application()
    user = sign_in(client, application)
    own = make_merchant(owner=user, name="Second shop")
    other = make_merchant(name="Not mine")
    switch = reverse("portal:switch")
    assert client.post(switch, {"merchant": encode("mer", other.pk)}).status_code == 404
    assert client.post(switch, {"merchant": encode("mer", own.pk)}).status_code == 302
    assert "<h1>Second shop" in client.get(reverse("portal:home")).content.decode()


def test_status_page_has_a_bounded_number_of_queries(
    client: Client, django_assert_max_num_queries: Callable[[int], Any]
) -> None:
    application = make_application()
    for n in range(4):
        services.add_document(application, make_upload(str(n).encode()), "bank", actor=SYSTEM)
    sign_in(client, application)
    client.get(reverse("portal:application"))
    with django_assert_max_num_queries(15):
        client.get(reverse("portal:application"))
