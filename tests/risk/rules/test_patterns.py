"""The dialect of regular expressions: what it finds, what it refuses, and where."""

import pytest

from risk.rules.patterns import MAX_PATTERN, PatternError, compile_pattern


@pytest.mark.parametrize(
    ("pattern", "text", "found"),
    [
        ("b", "abc", True),
        ("B", "abc", False),
        ("^b", "abc", False),
        ("c$", "abc", True),
        ("c$", "abc\n", False),
        ("", "", True),
        ("^$", "", True),
        ("^.$", "🦊", True),
        ("a.c", "a\nc", False),
        (r"^\d+$", "123", True),
        (r"\d", "٣", False),
        (r"\w", "é", False),
        (r"\s", "\u00a0", False),
        (r"\W", "é", True),
        (r"\bDE\b", "in DE.", True),
        (r"^[[:alpha:]]+$", "abC", True),
        ("[[:alpha:]]", "é", False),
        ("^[^a-c]+$", "xyz", True),
        (r"^[a\]]+$", "]a]", True),
        (r"a\.b", "a.b", True),
        (r"a\.b", "axb", False),
        ("^(ab|cd){2}$", "abcd", True),
        ("^(?:ab)?c*$", "cc", True),
        ("^a{2,3}$", "aaaa", False),
        (r"a\tb", "a\tb", True),
        ("中.国", "中x国", True),
        ("e\u0301", "é", False),
    ],
)
def test_a_pattern_finds_this(pattern: str, text: str, found: bool) -> None:
    assert compile_pattern(pattern)(text) is found


def test_a_surrogate_is_searched_as_a_question_mark() -> None:
    assert compile_pattern(r"^a\?$")("a\ud800") is True


@pytest.mark.parametrize(
    ("pattern", "marked"),
    [
        ("a(?i)b", "(?i"),
        ("(?=a)", "(?="),
        ("(?<=a)", "(?<"),
        ("(?P<n>a)", "(?P"),
        (r"(a)\1", r"\1"),
        (r"\pL", r"\pL"),
        (r"\x41", r"\x4"),
        (r"\Qa\E", r"\Qa"),
        (r"\A", r"\A"),
        ("a*?", "?"),
        ("a**", "*"),
        ("*a", "*"),
        ("a|+", "+"),
        ("(*a)", "*"),
        ("^*", "*"),
        ("a{101}", "{101}"),
        ("a{2,101}", "{2,101}"),
        ("a{99999999999999}", "{99999999999999}"),
        ("a{b", "{b"),
        ("a]", "]"),
        ("[a", "[a"),
        ("[]", "[]"),
        ("a\\", "\\"),
        ("(a", "(a"),
        ("a)", "a)"),
        ("[b-a]", "[b-a]"),
        ("[[:foo:]]", "[[:foo:]]"),
        ("((a{100}){100}){100}", "((a{100}){100}){100}"),
        ("([^é]{100}){100}", "([^é]{100}){100}"),
        ("a" * (MAX_PATTERN + 3), "aaa"),
    ],
)
def test_whatever_is_not_in_the_dialect_is_refused_where_it_stands(pattern: str, marked: str) -> None:
    with pytest.raises(PatternError) as caught:
        compile_pattern(pattern)
    error = caught.value
    assert pattern[error.offset : error.offset + error.length] == marked
    assert error.message.endswith(".")


@pytest.mark.parametrize(
    "pattern", ["(a+)+$", "^(a|a)*$", "(a|b|ab)*c", "(.*)*x", "(a?){50}a{50}$", "(x+x+)+y"]
)
def test_what_exhausts_other_engines_takes_linear_time(pattern: str) -> None:
    # Under backtracking each of these would outlast the universe; that the test ends is the claim.
    assert compile_pattern(pattern)("a" * 50_000 + "!") is False
