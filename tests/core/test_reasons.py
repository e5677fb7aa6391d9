"""Reason codes: each one that anything can give has a sentence for staff and one for the merchant."""

import re
from collections.abc import Iterator

import pytest
from django.utils.translation import override

from cases.choices import _REASONS as CHOICES
from catalog.checks import Content, Surroundings, check
from core.reasons import REASONS, find_reason, merchant_sentences
from merchants.services import _FIXED_BY
from risk.policy import PolicyReason
from risk.starter import applications, listings, orders


def _given() -> Iterator[tuple[str, str]]:
    """Yield (where, code) of every reason that a rule, the policy, a check or a reviewer can give."""
    for starter in (orders, listings, applications):
        for rule in starter.RULES:
            if rule.reason_code:
                yield rule.code, rule.reason_code
    yield from (("policy", str(reason)) for reason in PolicyReason)
    yield from ((subject, code) for subject, codes in CHOICES.items() for code in codes)
    yield from (("to be fixed by the merchant", code) for code in _FIXED_BY)
    bad = Content("", "replica", base_price_minor=1, has_image=False)
    around = Surroundings(("replica",), median_price_minor=9_900, similarity=1.0)
    yield from (("listing check", issue.code) for issue in check(bad, around))
    copied = Content("Tea", "Tea, loose", base_price_minor=1, has_image=True)
    yield from (("listing check", issue.code) for issue in check(copied, Surroundings(image_elsewhere=1)))
    yield from (("sampling", code) for code in ("random_review", "information_needed", "verified_good"))


def test_every_code_that_can_be_given_is_declared() -> None:
    assert {(where, code) for where, code in _given() if code not in REASONS} == set()


@pytest.mark.parametrize("reason", REASONS.values(), ids=lambda reason: reason.code)
@pytest.mark.parametrize("language", ["en", "zh-hans"])
def test_every_code_has_a_sentence_for_staff_and_one_for_the_merchant(reason: object, language: str) -> None:
    with override(language):
        staff, merchant = str(reason.staff), str(reason.merchant)  # type: ignore[attr-defined]
    assert len(staff) > 2
    assert merchant.endswith((".", "。"))
    if language == "zh-hans":
        assert re.search(r"[\u4e00-\u9fff]", staff)
        assert re.search(r"[\u4e00-\u9fff]", merchant)


def test_codes_are_stable_words() -> None:
    assert [code for code in REASONS if not re.fullmatch(r"[a-z]+(_[a-z]+)*", code)] == []


@pytest.mark.parametrize("giveaway", ["score", "rule", "threshold", "device", "velocity", "card number"])
def test_what_a_merchant_reads_helps_nobody_evade(giveaway: str) -> None:
    telling = [r.code for r in REASONS.values() if giveaway in str(r.merchant).lower()]
    assert telling == []


def test_an_unknown_code_of_old_data_breaks_no_page() -> None:
    reason = find_reason("retired_long_ago")
    assert (str(reason.staff), str(reason.merchant)) == ("retired_long_ago", "Please see the message.")


def test_a_sentence_is_said_once_however_many_codes_share_it() -> None:
    sentences = merchant_sentences(["velocity_card", "velocity_device", "card_testing"])
    assert len(sentences) == 2
