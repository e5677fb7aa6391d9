"""Applications over the API: handed in with documents, followed, answered, withdrawn."""

import base64
from typing import Any

import pytest
from django.utils import timezone

from core.actors import SYSTEM
from core.ids import encode
from merchants.models import Document, Merchant, MerchantApplication
from merchants.requirements import TERMS_VERSION
from merchants.services import RequestedItem, begin_screening, request_information, review_application
from risk.rules.engine import Effect
from tests.api.calls import fields, problem
from tests.api.conftest import Market
from tests.make import make_application, make_live_ruleset, make_model, make_rule

pytestmark = pytest.mark.django_db
PDF = base64.b64encode(b"%PDF-1.7\nlicence\n%%EOF\n").decode()


def body(**changes: Any) -> dict[str, Any]:
    return {
        "company_name": "Tea House Ltd",
        "country": "CN",
        "entity_type": "company",
        "category_code": "tea",
        "registration_number": "91110000600037341L",
        "bank_account": "6222021234567890123",
        "contact_email": "owner@example.com",
        "contact_phone": "+86 10 6552 9988",
        "terms_version": TERMS_VERSION,
        "documents": [{"kind": "licence", "content": PDF}],
        **changes,
    }


@pytest.fixture
def approving(db: None) -> None:
    """Every application is approved."""
    make_live_ruleset(
        make_rule("application.attempt >= 1", Effect.APPROVE, reason_code="verified_good"),
        subject="application",
    )
    make_model("application", probability=0.01)


def path(application: MerchantApplication, rest: str = "") -> str:
    return f"applications/{encode('app', application.pk)}{rest}"


def asked_again(market: Market) -> MerchantApplication:
    """Return an application whose registration number is asked for again."""
    application = make_application(market.merchant)
    market.seller.post(path(application, "/submit?wait=false"))
    application.refresh_from_db()
    begin_screening(application)
    review_application(application, at=timezone.now(), reason_codes=["device_shared"])
    items = [RequestedItem("registration_number", "registration_invalid")]
    request_information(application, items, actor=SYSTEM, at=timezone.now())
    return application


def test_an_application_is_handed_in_and_approved_at_once(market: Market, approving: None) -> None:
    answer = market.seller.post("applications", body())
    assert answer.status_code == 201, answer.content
    shown = answer.json()
    assert answer["Location"].endswith(shown["id"])
    assert (shown["status"], shown["company_name"]) == ("approved", "Tea House Ltd")
    assert shown["bank_account"] == "•••• 0123"
    merchant = Merchant.objects.get(applications__isnull=False)
    assert (merchant.status, shown["merchant"]) == ("active", encode("mer", merchant.pk))


def test_a_seller_that_applied_may_act_for_the_new_merchant_and_nobody_else(
    market: Market, approving: None
) -> None:
    url = market.seller.post("applications", body())["Location"]
    assert market.seller.get(url).status_code == 200
    assert market.operator.get(url).status_code == 200
    assert problem(market.stranger.get(url)) == (404, "not_found")


def test_an_application_that_does_not_wait_is_acknowledged(
    market: Market, sent_tasks: list[Any], django_capture_on_commit_callbacks: Any
) -> None:
    with django_capture_on_commit_callbacks(execute=True):
        answer = market.operator.post("applications?wait=false", body())
    assert (answer.status_code, answer.json()["status"]) == (202, "submitted")
    assert [name for name, _ in sent_tasks] == ["intake.tasks.decide_application"]


def test_without_rules_a_person_decides_and_the_reasons_give_nothing_away(market: Market) -> None:
    shown = market.operator.post("applications", body()).json()
    assert shown["status"] in {"in_review", "submitted"}
    assert "degraded" not in str(shown["reasons"])


def test_the_same_key_applies_once(market: Market, approving: None) -> None:
    first = market.operator.post("applications", body(), key="k")
    again = market.operator.post("applications", body(), key="k")
    assert again["Idempotent-Replayed"] == "true"
    assert again.json() == first.json()
    assert MerchantApplication.objects.count() == 1


def test_an_incomplete_application_is_refused_whole(market: Market) -> None:
    merchants = Merchant.objects.count()
    answer = market.operator.post("applications", body(documents=[], bank_account="", terms_version=""))
    assert fields(answer) == {"/bank_account": "blank", "/terms_version": "blank"}
    partial = {name: value for name, value in body().items() if name in {"company_name", "country"}}
    assert {"/document_licence", "/bank_account", "/terms_version"} <= fields(
        market.operator.post("applications", partial)
    ).keys()
    assert not MerchantApplication.objects.exists()
    assert Merchant.objects.count() == merchants


def test_a_draft_is_completed_step_by_step(market: Market, approving: None) -> None:
    draft = market.seller.post("applications", {"country": "CN", "submit": False})
    assert (draft.status_code, draft.json()["status"]) == (201, "draft")
    url = draft["Location"].removeprefix("http://testserver")
    assert draft.json()["available_actions"] == ["submit", "withdraw"]
    answers = {name: value for name, value in body().items() if name != "documents"}
    changed = market.seller.patch(url, answers, If_Match=market.seller.get(url)["ETag"])
    assert changed.status_code == 200, changed.content
    document = market.seller.post(f"{url}/documents", {"kind": "licence", "content": PDF})
    assert document.status_code == 201
    assert market.seller.post(f"{url}/submit").json()["status"] == "approved"


def test_a_change_needs_the_version_it_changes(market: Market) -> None:
    application = make_application(market.merchant)
    change = {"company_name": "Other"}
    assert problem(market.seller.patch(path(application), change)) == (428, "precondition_required")
    old = market.seller.get(path(application))["ETag"]
    fresh = market.seller.patch(path(application), change, If_Match=old)
    assert (fresh.status_code, fresh.json()["company_name"]) == (200, "Other")
    assert problem(market.seller.patch(path(application), change, If_Match=old)) == (412, "stale_version")
    assert market.seller.patch(path(application), change, If_Match=fresh["ETag"]).status_code == 200


def test_what_is_asked_for_again_is_shown_and_alone_may_change(market: Market) -> None:
    application = asked_again(market)
    shown = market.seller.get(path(application)).json()
    assert shown["status"] == "info_requested"
    (item,) = shown["requested_items"]
    assert (item["requirement"], item["is_answered"]) == ("registration_number", False)
    assert "registration_invalid" not in str(shown)
    refused = market.seller.patch(path(application), {"company_name": "New"}, If_Match="*")
    assert fields(refused) == {"/company_name": "not_requested"}
    answered = market.seller.patch(
        path(application), {"registration_number": "91110000600037341L"}, If_Match="*"
    )
    assert answered.json()["requested_items"][0]["is_answered"]
    assert market.seller.post(path(application, "/submit?wait=false")).status_code == 202


def test_a_withdrawn_application_is_over(market: Market) -> None:
    application = make_application(market.merchant)
    answer = market.seller.post(path(application, "/withdraw"))
    assert (answer.status_code, answer.json()["status"]) == (200, "withdrawn")
    assert problem(market.seller.post(path(application, "/submit"))) == (409, "invalid_transition")


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"country": "China"}, {"/country": "invalid"}),
        ({"entity_type": "club"}, {"/entity_type": "invalid_choice"}),
        ({"bank_account": "1"}, {"/bank_account": "invalid_bank_account"}),
        ({"contact_email": "nobody"}, {"/contact_email": "invalid_email"}),
        ({"contact_phone": "12"}, {"/contact_phone": "invalid_phone"}),
        ({"terms_version": "1999"}, {"/terms_version": "outdated_terms"}),
        ({"documents": [{"kind": "poem", "content": PDF}]}, {"/documents/0/kind": "invalid_choice"}),
        ({"documents": [{"kind": "licence", "content": "…"}]}, {"/documents/0/content": "invalid_base64"}),
        ({"documents": [{"kind": "licence", "content": "aGk="}]}, {"/document_licence": "file_type"}),
        ({"documents": [{"kind": "licence"}]}, {"/documents/0/content": "required"}),
        ({"ip": "here"}, {"/ip": "invalid"}),
        ({"submit": "perhaps"}, {"/submit": "invalid"}),
        ({"status": "approved"}, {"/status": "unknown_field"}),
    ],
    ids=str,
)
def test_a_bad_application_is_refused_with_pointers(
    market: Market, changes: dict[str, Any], expected: dict[str, str]
) -> None:
    assert fields(market.operator.post("applications", body(**changes))) == expected
    assert not MerchantApplication.objects.exists()
    assert not Document.objects.exists()


def test_a_list_shows_and_filters_the_callers_applications(market: Market) -> None:
    mine = make_application(market.merchant)
    make_application()

    def ids(**query: str) -> list[str]:
        return [row["id"] for row in market.seller.get("applications", query).json()["data"]]

    assert ids() == ids(**{"filter[status]": "draft"}) == [encode("app", mine.pk)]
    assert ids(**{"filter[status]": "approved"}) == []
    wrong = market.seller.get("applications", {"filter[status]": "done"})
    assert fields(wrong) == {"/filter[status]": "invalid_filter"}


def test_a_list_takes_three_queries(market: Market, django_assert_num_queries: Any) -> None:
    for _ in range(5):
        make_application()
    market.operator.get("applications")
    with django_assert_num_queries(2):  # an operator's key has no merchants to look up
        assert len(market.operator.get("applications").json()["data"]) == 5


@pytest.mark.parametrize("rest", ["", "/submit", "/withdraw", "/documents"])
def test_somebody_elses_application_looks_like_none(market: Market, rest: str) -> None:
    application = make_application(market.merchant)
    content = {"kind": "licence", "content": PDF} if rest == "/documents" else None
    urls = [path(application, rest), f"applications/app_1hczaj5p90000{rest}"]
    for url in urls:
        answer = market.stranger.post(url, content) if rest else market.stranger.get(url)
        assert problem(answer) == (404, "not_found")
    assert problem(market.stranger.patch(path(application), {}, If_Match="*")) == (404, "not_found")
    application.refresh_from_db()
    assert (application.status, application.documents.count()) == ("draft", 1)
