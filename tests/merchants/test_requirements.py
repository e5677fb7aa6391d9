"""Requirements follow from country and entity type, and say where each stands."""

import pytest

from merchants.requirements import RequirementStatus, assess, requirements_for


def codes(country: str, entity_type: str) -> set[str]:
    return {one.code for one in requirements_for(country, entity_type) if one.code.startswith("document_")}


@pytest.mark.parametrize(
    ("country", "entity_type", "documents"),
    [
        pytest.param("DE", "company", {"document_licence"}, id="company with IBAN"),
        pytest.param("DE", "sole_trader", {"document_identity"}, id="sole trader with IBAN"),
        pytest.param("CN", "company", {"document_licence", "document_bank"}, id="Chinese company"),
        pytest.param("CN", "sole_trader", {"document_licence", "document_bank"}, id="licensed sole trader"),
        pytest.param("US", "sole_trader", {"document_identity", "document_bank"}, id="no IBAN"),
    ],
)
def test_documents_by_country_and_entity(country: str, entity_type: str, documents: set[str]) -> None:
    assert codes(country, entity_type) == documents


def test_missing_bank_statement_never_blocks() -> None:
    states = assess("CN", "company", given=set(), requested={}, status="draft")
    blocking = {state.requirement.code for state in states if state.is_blocking}
    assert "document_bank" not in blocking
    assert {"document_licence", "bank_account", "terms_version"} <= blocking


def test_requested_again_blocks_although_given() -> None:
    (state,) = [
        one
        for one in assess(
            "DE",
            "company",
            given={"document_licence"},
            requested={"document_licence": "Blurred."},
            status="info_requested",
        )
        if one.requirement.code == "document_licence"
    ]
    assert (state.status, state.message, state.is_blocking) == (RequirementStatus.REJECTED, "Blurred.", True)


def test_document_that_is_not_owed_can_be_requested() -> None:
    states = assess(
        "DE", "company", given=set(), requested={"document_identity": "Please."}, status="info_requested"
    )
    assert any(one.requirement.code == "document_identity" and one.is_blocking for one in states)


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        ("draft", "provided"),
        ("submitted", "pending"),
        ("in_review", "pending"),
        ("approved", "accepted"),
        ("rejected", "provided"),
    ],
)
def test_given_requirement_follows_the_application(status: str, expected: str) -> None:
    states = assess("DE", "company", given={"company_name"}, requested={}, status=status)
    assert {one.status for one in states if one.requirement.code == "company_name"} == {expected}
