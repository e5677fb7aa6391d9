"""Conditions and inputs in words."""

import pytest
from django.utils import translation

from console.conditions import check
from console.masking import masked_contact
from console.wording import condition_words, input_sentence, value_text
from risk.rules.expression import Field, FieldType, Schema, parse
from risk.schemas import schema_of


@pytest.mark.parametrize(
    ("condition", "words"),
    [
        ("order.amount >= 1000", "Order total ≥ 1,000.00 CNY"),
        ("device_cards_24h_distinct >= 3", "Different cards on this device in 24 h ≥ 3"),
        (
            "order.card_country is missing or order.amount > 5",
            "Country that issued the card is missing or Order total > 5.00 CNY",
        ),
        (
            "order.currency == 'CNY' and (order.has_card or order.has_device)",
            "Currency the buyer paid in = CNY and (A card was supplied or A device was supplied)",
        ),
        ("order.currency in ['CNY', 'USD']", "Currency the buyer paid in is one of CNY, USD"),
        ("not order.has_card", "not (A card was supplied)"),
        ("order_is_night == 1", "Ordered at night = yes"),
        ("buyer_account_age_hours < 24", "Age of the buyer's account < 24 hours"),
        ("merchant_bad_share_7d > 0.05", "Share of bad outcomes at this merchant in 7 days > 5.0 %"),
    ],
)
def test_condition_reads_as_a_sentence(condition: str, words: str) -> None:
    assert condition_words(parse(condition, schema_of("order")).root) == words


@pytest.mark.parametrize(
    ("condition", "words", "chinese"),
    [
        ("contains(name, 'ltd')", "Name contains ltd", "名称 包含 ltd"),
        ("lower(name) == 'acme'", "Name in lower case = acme", "名称（转为小写） = acme"),
        (r"matches(name, '^\d')", r"Name matches the pattern ^\d", r"名称 匹配模式 ^\d"),
        ("abs(amount) > 5", "Amount without its sign > 5", "Amount 的绝对值 > 5"),
        ("max(amount, 3, 4) > 5", "the greatest of Amount, 3, 4 > 5", "Amount, 3, 4 中的最大值 > 5"),
        (
            "hours_between(placed_at, signup_at) < 1",
            "hours between Placed and Signed up < 1",
            "下单时间 与 Signed up 相隔的小时数 < 1",
        ),
        ("placed_at > date('2026-01-31')", "Placed > 2026-01-31", "下单时间 > 2026-01-31"),
        ("ip in list('blocked')", "Address is in the list blocked", "地址 在名单 blocked 中"),
        (
            "similar(name, list('watch')) >= 0.9",
            "similarity of Name to the list watch ≥ 0.9",
            "名称 与名单 watch 的相似度 ≥ 0.9",
        ),
    ],
)
def test_functions_and_lists_have_words_in_both_languages(condition: str, words: str, chinese: str) -> None:
    schema = Schema(
        "order",
        (
            Field("name", FieldType.TEXT, description="Name"),
            Field("amount", FieldType.NUMBER, description="Amount"),
            Field("placed_at", FieldType.MOMENT, description="Placed"),
            Field("signup_at", FieldType.MOMENT, description="Signed up"),
            Field("ip", FieldType.KEY, "ip", description="Address"),
        ),
    )
    root = parse(condition, schema, {"blocked": "ip", "watch": "text"}).root
    assert condition_words(root) == words
    with translation.override("zh-hans"):
        assert condition_words(root) == chinese


def test_condition_of_every_starter_rule_has_words() -> None:
    from risk.starter import applications, listings, orders

    for subject, starter in (("order", orders), ("listing", listings), ("application", applications)):
        for rule in starter.RULES:
            read = check(subject, rule.condition)
            assert read.is_valid, rule.code
            assert read.words, rule.code


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        ("device_cards_24h_distinct", 3.0, ("3 different cards on this device in 24 h", "")),
        ("buyer_orders_30d_count", 0.0, ("0 orders by this buyer in 30 days", "")),
        ("device_amount_24h_sum", 123_456.0, ("Amount ordered on this device in 24 h", "1,234.56 CNY")),
        ("device_orders_1h_count", float("nan"), ("Orders on this device in 1 h", "not supplied")),
        ("gone_input", 2.5, ("gone_input", "2.50")),
    ],
)
def test_input_reads_with_the_value_that_mattered(name: str, value: float, expected: tuple[str, str]) -> None:
    assert input_sentence(name, value) == expected


def test_inputs_speak_chinese() -> None:
    with translation.override("zh-hans"):
        assert input_sentence("device_cards_24h_distinct", 3.0)[0] == "该设备 24 小时内有 3 张不同的银行卡"


@pytest.mark.parametrize(
    ("value", "text"),
    [(None, "missing"), (float("nan"), "missing"), (True, "yes"), (False, "no"), ("DE", "DE"), (7, "7")],
)
def test_values_of_any_type_have_a_text(value: object, text: str) -> None:
    assert value_text("order.anything", value) == text


def test_error_in_a_condition_is_marked_where_it_stands() -> None:
    read = check("order", "order.amount > 5 and ordr.x == 1")
    assert not read.is_valid
    assert read.before + read.wrong + read.after == "order.amount > 5 and ordr.x == 1"
    assert read.wrong == "ordr.x"


def test_no_contact_masks_to_nothing() -> None:
    assert masked_contact(None) == {}
