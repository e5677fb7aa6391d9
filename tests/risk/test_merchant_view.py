"""What a merchant is told of a decision: safe sentences, and what to do."""

from typing import Any

import pytest
from django.utils import translation

from risk.merchant_view import merchant_view
from risk.models import Decision


def view_of(**fields: Any) -> Any:
    decision = Decision(subject_kind="order", outcome="review", reason_codes=["velocity_card"])
    for name, value in fields.items():
        setattr(decision, name, value)
    return merchant_view(decision)


def test_reasons_are_sentences_each_once() -> None:
    shown = view_of(reason_codes=["velocity_card", "velocity_device", "score_elevated"])
    assert shown["reasons"][0] == "We are checking this order before it goes on."
    assert len(shown["reasons"]) == len(set(shown["reasons"]))


def test_of_a_declined_order_nothing_is_said_to_be_still_checked() -> None:
    shown = view_of(outcome="decline", reason_codes=["card_testing", "velocity_card", "score_high"])
    assert "We could not confirm this order as safe, so it was not accepted." in shown["reasons"]
    assert not any("checking" in sentence for sentence in shown["reasons"])
    assert shown["next_step"] == "Please do not ship this order."


def test_an_approval_needs_no_reason_and_hides_that_it_was_drawn() -> None:
    drawn = view_of(outcome="approve", reason_codes=["trusted"], is_sampled=True)
    assert drawn == {"outcome": "approve", "reasons": [], "next_step": ""}


def test_a_code_that_nobody_knows_is_not_shown_as_itself() -> None:
    assert view_of(reason_codes=["secret_code"])["reasons"] == ["Please see the message."]


@pytest.mark.parametrize("kind", ["order", "listing", "application"])
@pytest.mark.parametrize("outcome", ["review", "decline"])
def test_there_is_something_to_do_in_both_languages(kind: str, outcome: str) -> None:
    english = view_of(subject_kind=kind, outcome=outcome)["next_step"]
    with translation.override("zh-hans"):
        chinese = view_of(subject_kind=kind, outcome=outcome)["next_step"]
    assert english
    assert chinese
    assert english != chinese
