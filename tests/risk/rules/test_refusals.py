"""What the language refuses, and how it says so."""

import time

import pytest

from risk.rules.expression import MAX_CHOICES, ExpressionError, parse
from risk.rules.tree import (
    Node,
)
from tests.risk.rules.trees import LISTS, SCHEMA


def read(text: str) -> Node:
    return parse(text, SCHEMA, LISTS).root


def refusal(text: str) -> ExpressionError:
    with pytest.raises(ExpressionError) as caught:
        parse(text, SCHEMA, LISTS)
    return caught.value


@pytest.mark.parametrize(
    ("text", "code", "marked", "message"),
    [
        ("", "empty", "", "The condition is empty."),
        ("  \n", "empty", "", "The condition is empty."),
        (
            "order.amout > 5",
            "unknown_field",
            "order.amout",
            "Unknown field 'order.amout'. Did you mean 'order.amount'?",
        ),
        ("ip == 'é' and xyzzy", "unknown_field", "xyzzy", "Unknown field 'xyzzy'."),
        ("(\n buyer.is_guest or\r\n amount > 5)", "unknown_field", "amount", None),
        (
            "defalt(ip, '') == ''",
            "unknown_function",
            "defalt",
            "Unknown function 'defalt'. Did you mean 'default'?",
        ),
        (
            "ip.lower() == ''",
            "unknown_function",
            "ip.lower",
            "Unknown function 'ip.lower'. Did you mean 'lower'?",
        ),
        ("order.amount > '5'", "type_mismatch", "'5'", "\"'5'\" is a text, where a number is needed."),
        ("order.amount == buyer.is_guest", "type_mismatch", "buyer.is_guest", None),
        ("ip in ['a', 5]", "type_mismatch", "5", "'5' is a number, where a text is needed."),
        ("default(ip, 0) == 'a'", "type_mismatch", "0", None),
        ("order.amount + ip > 5", "type_mismatch", "ip", "'ip' is a text, where a number is needed."),
        ("-ip == 5", "type_mismatch", "ip", None),
        ("order.placed_at > 5", "type_mismatch", "5", "'5' is a number, where a moment is needed."),
        ("ip < 'b'", "type_mismatch", "'b'", "Only numbers and moments can be compared by size."),
        ("buyer.is_guest > false", "type_mismatch", "false", None),
        ("order.amount", "not_a_condition", "order.amount", None),
        ("buyer.is_guest and ip", "not_a_condition", "ip", "'ip' is a text, where a condition is needed."),
        ("not order.amount", "not_a_condition", "order.amount", None),
        ("ip in []", "list_size", "[]", f"A list has 1 to {MAX_CHOICES} entries, not 0."),
        ("ip in 'DE'", "list_form", "'DE'", None),
        ("ip in ('DE', 'FR')", "list_form", "('DE', 'FR')", None),
        ("ip in [ip]", "list_form", "ip", "'ip' is not a literal; lists hold numbers or texts."),
        ("ip in ['DE' 'FR']", "text_form", "'DE' 'FR'", None),
        ("ip in [missing]", "not_allowed", "missing", "'missing' can only follow 'is' or 'is not'."),
        ("ip == missing", "not_allowed", "missing", None),
        ("ip is None", "not_allowed", "None", "After 'is' and 'is not' only 'missing' can follow."),
        ("ip == None", "not_allowed", "None", "Write 'is missing' instead."),
        ("1 < order.lines is missing", "chain", "1 < order.lines is missing", None),
        ("buyer.is_guest == true == order.is_gift", "chain", "order.is_gift", None),
        ("5 is missing", "never_missing", "5", "'5' is a literal and never missing."),
        ("default(1, order.lines) > 2", "never_missing", "1", None),
        ("default(order.lines) > 2", "arguments", "default(order.lines)", None),
        ("default(order.lines, x=1) > 2", "arguments", "default(order.lines, x=1)", None),
        ("default(*ip) > 2", "arguments", "default(*ip)", None),
        ("order.lines > 9007199254740993", "number_range", "9007199254740993", None),
        ("order.lines > 1e999", "number_range", "1e999", "The number '1e999' is too large to be exact."),
        (
            'order.device in list("blocked_device")',
            "unknown_list",
            '"blocked_device"',
            "Unknown list 'blocked_device'. Did you mean 'blocked_devices'?",
        ),
        ("ip in list('blocked_devices')", "type_mismatch", "list('blocked_devices')", None),
        (
            "order.device in list('watchlist')",
            "type_mismatch",
            "list('watchlist')",
            "The list 'watchlist' holds texts, unlike 'order.device'.",
        ),
        ("order.amount in list('watchlist')", "type_mismatch", "order.amount", None),
        ("default(ip, 'a') in list('watchlist')", "list_operand", "default(ip, 'a')", None),
        ("similar(lower('a'), list('watchlist')) > 0", "list_operand", "lower('a')", None),
        ("similar(order.device, list('blocked_devices')) > 0", "type_mismatch", "order.device", None),
        ("similar(ip, 'watchlist') > 0", "arguments", "similar(ip, 'watchlist')", None),
        ("ip in list(ip)", "arguments", "list(ip)", None),
        ("list('watchlist') is missing", "list_form", "list('watchlist')", None),
        (
            "order.device == order.device",
            "type_mismatch",
            "order.device",
            "'order.device' is an identifier: it can only be in a list, or missing.",
        ),
        ("order.device in [5]", "type_mismatch", "order.device", None),
        ("default(order.device, 5) == 5", "type_mismatch", "order.device", None),
        ("lower(order.device) == 'a'", "type_mismatch", "order.device", None),
        ("contains(ip, 5)", "type_mismatch", "5", "'5' is a number, where a text is needed."),
        ("contains(ip) ", "arguments", "contains(ip)", None),
        ("max(order.amount) > 5", "arguments", "max(order.amount)", None),
        ("max(1, 2, 3, 4, 5, 6) > 5", "arguments", "max(1, 2, 3, 4, 5, 6)", None),
        ("abs(order.amount, x=1) > 5", "arguments", "abs(order.amount, x=1)", None),
        ("hour(order.amount) > 5", "type_mismatch", "order.amount", None),
        ("order.placed_at > date('2026-02-30')", "date_form", "date('2026-02-30')", None),
        ("order.placed_at > date('20260228')", "date_form", "date('20260228')", None),
        ("order.placed_at > date(2026)", "date_form", "date(2026)", None),
        ("order.placed_at in [date('2026-02-01'), 5]", "type_mismatch", "5", None),
        ("matches(ip, ip)", "pattern", "ip", "'ip' is not a pattern; it stands in quotes."),
        ("matches(ip, 'é(?i)a')", "pattern", "(?i", None),
        ("ip == 'é' or matches(ip, '[0-9]{999}')", "pattern", "{999}", None),
        ("matches(ip, '(a')", "pattern", "(a", "The pattern cannot be read: missing ): (a."),
        (" or ".join(["matches(ip, 'a')"] * 11), "pattern", "'a'", "A condition has at most 10 patterns."),
        ("ip \\ == 'a'", "not_allowed", "\\", "Backslashes can only stand inside quotes."),
        ("ip == 'é' and \\", "not_allowed", "\\", None),
        ("ip == '\ue000'", "not_allowed", "\ue000", None),
        ("order.amount = 5", "syntax", "=", "'=' is not part of the language. Did you mean '=='?"),
        ("ip == 'a=b' && buyer.is_guest", "syntax", "&&", None),
        ("buyer.is_guest AND order.is_gift", "syntax", "AND", None),
        ("order.amount =< 5", "syntax", "=<", None),
        ("order.amount >", "syntax", "", "The condition is incomplete."),
        ("order.amount > 5 5", "syntax", None, None),
        ("buyer.is_guest) or (order.is_gift", "syntax", "buyer.is_guest) or (order.is_gift", None),
        ("buyer.is_guest, order.is_gift", "syntax", "buyer.is_guest, order.is_gift", None),
        ("# only a comment", "syntax", "# only a comment", None),
    ],
)
def test_a_refusal_says_what_is_wrong_and_where(
    text: str, code: str, marked: str | None, message: str | None
) -> None:
    error = refusal(text)
    assert error.code == code
    if marked is not None:
        assert text[error.offset : error.offset + error.length] == marked
    if message is not None:
        assert error.message == message
    assert error.message.endswith((".", "?"))


def test_the_nearest_name_is_offered_for_programs_too() -> None:
    assert refusal("order.amout > 5").suggestion == "order.amount"
    assert refusal("xyzzy > 5").suggestion is None
    assert refusal("ip is null").suggestion == "missing"


@pytest.mark.parametrize(
    "attack",
    [
        "__import__('os').system('id')",
        "().__class__.__mro__[1].__subclasses__()",
        "order.amount.__class__ == 1",
        "order.__dict__ == 1",
        "buyer.is_guest.real",
        "'x'.join(['a']) == 'x'",
        "eval('1')",
        "exec('1') is missing",
        "open('/etc/passwd') is missing",
        "getattr(order, 'amount') > 1",
        "default.__globals__ is missing",
        "default(ip, '').upper() == ''",
        "(lambda: 1)() == 1",
        "(lambda: buyer.is_guest)",
        "[x for x in [1]] == 1",
        "any(x for x in [1])",
        "{1: 2} is missing",
        "{1, 2} is missing",
        "ip in {'a'}",
        "[1] == [1]",
        "(1, 2) == (1, 2)",
        "f'{order.amount}' == '1'",
        "f'{__import__(\"os\")}' == '1'",
        "ip == b'a'",
        "ip == r'a'",
        "ip == u'a'",
        "ip == '''a'''",
        "ip == 'a\\\nb'",
        "ip == '\ue000'",
        "order.amount > 1 \ue000",
        "order.amount \\\n > 1",
        "(x := 1) > 0",
        "order.amount if buyer.is_guest else 1",
        "true if buyer.is_guest else false",
        "yield",
        "(yield 1)",
        "await ip",
        "*ip",
        "**ip",
        "default(**ip)",
        "ip[0] == 'a'",
        "ip[0:1] == 'a'",
        "order.amount ** 9 > 1",
        "order.amount // 2 > 1",
        "order.amount % 2 == 1",
        "order.amount @ 2 == 1",
        "order.amount << 99 > 1",
        "order.amount & 1 == 1",
        "~order.amount == 1",
        "+order.amount == 1",
        "order.amount > 1j",
        "order.amount > ...",
        "order.amount is 5",
        "order.amount is not order.lines",
        "order.amount; ip",
        "order.amount > 1\nimport os",
        "import os",
        "del ip",
        "print('a')",
        "lambda",
        "None",
        "...",
        "ip == 'a' # ' and\n or __import__('os')",
        "buyer.is_guest)\n(lambda: 1)(",
        ")(",
        "a\x00b",
        "buyer.is_guest\x00",
        "\ud800",
        "ip == '\ud800'",
        "\ufeffbuyer.is_guest",
        "𝕖𝕧𝕒𝕝('1')",
        "ip == '\u2028'\u2028or 1",
    ],
)
def test_nothing_else_of_python_gets_in(attack: str) -> None:
    error = refusal(attack)
    assert 0 <= error.offset <= error.offset + error.length <= len(attack)


@pytest.mark.parametrize(
    "text",
    [
        "(" * 1_999 + "buyer.is_guest" + ")" * 1_900,
        "(" * 250 + "buyer.is_guest" + ")" * 250,
        "not " * 990 + "buyer.is_guest",
        "-" * 3_900 + "1 > 0",
        "1" + "+1" * 1_990 + " > 0",
        "default(" * 190 + "order.lines" + ", 0)" * 190 + " > 0",
        "(true == " * 190 + "buyer.is_guest" + " == true)" * 190,
        "a" + ".a" * 1_990,
        "[" * 4_000,
        "ip in [" + "1," * 1_900 + "1]",
        "buyer.is_guest and " * 999 + "buyer.is_guest",
        "9" * 3_999,
        "order.lines > " + "9" * 3_900,
        "x" * 3_999,
        "'" * 3_999,
        "default(" * 490 + ")" * 10,
    ],
    ids=lambda text: f"{text[:12]}…{len(text)}",
)
def test_a_text_built_to_exhaust_the_parser_is_refused_quickly(text: str) -> None:
    started = time.process_time()
    refusal(text)
    assert time.process_time() - started < 0.5
