"""Content checks find what is wrong however it is disguised, and nothing in honest listings."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from catalog.checks import Content, Severity, Surroundings, check, find_banned_terms
from catalog.text import fold

TERMS = ["replica handbag", "signal jammer", "ivory", "1:1 copy", "高仿包", "A货", "野味"]


def content(**changes: object) -> Content:
    fields = {
        "title": "Green tea 250 g",
        "description": "Picked by hand.",
        "base_price_minor": 9_800,
        "has_image": True,
    }
    return Content(**{**fields, **changes})  # type: ignore[arg-type]


def codes(one: Content, around: Surroundings = Surroundings()) -> list[tuple[str, str]]:  # noqa: B008
    return [(issue.code, issue.field) for issue in check(one, around)]


def test_honest_listing_has_no_issue() -> None:
    around = Surroundings(banned_terms=TERMS, median_price_minor=9_800, similarity=0.7)
    assert codes(content(), around) == []


@pytest.mark.parametrize(
    ("text", "found"),
    [
        pytest.param("Nice Replica Handbags, cheap", ["replica handbag"], id="plural and case"),
        pytest.param("ＲＥＰＬＩＣＡ　handbag", ["replica handbag"], id="full width"),
        pytest.param("rерliса hаndbаg", ["replica handbag"], id="Cyrillic look-alikes"),
        pytest.param("repl1ca handb@g", ["replica handbag"], id="digits for letters"),
        pytest.param("réplicà hand\u200bbag", ["replica handbag"], id="accents and zero-width marks"),
        pytest.param("replica---handbag", ["replica handbag"], id="punctuation between words"),
        pytest.param("全新 1:1 COPY", ["1:1 copy"], id="digits in the term"),
        pytest.param("热销高仿包现货", ["高仿包"], id="Chinese inside a sentence"),
        pytest.param("高 仿-包", ["高仿包"], id="Chinese torn apart"),
        pytest.param("正品A货批发", ["A货"], id="Latin letter before Chinese"),
        pytest.param("BA货", [], id="Latin letter that belongs to another word"),
        pytest.param("Ivory-coloured lamp", ["ivory"], id="hyphen ends a word"),
        pytest.param("Survivory kit", [], id="inside another word"),
        pytest.param("replicated handbag", [], id="another word"),
        pytest.param("Handbag, no replica", [], id="other order"),
    ],
)
def test_banned_terms(text: str, found: list[str]) -> None:
    assert find_banned_terms(text, TERMS) == found


@given(st.text(max_size=60))
def test_folding_twice_changes_nothing(text: str) -> None:
    assert fold(fold(text)) == fold(text)


@given(before=st.text(st.characters(categories=["Zs", "Po"]), max_size=5), term=st.sampled_from(TERMS))
def test_term_is_found_wherever_it_stands_alone(before: str, term: str) -> None:
    assert term in find_banned_terms(f"{before} {term.upper()} {before}", TERMS)


@pytest.mark.parametrize(
    ("changes", "field"),
    [({"title": " a "}, "title"), ({"description": ""}, "description"), ({"base_price_minor": 0}, "price")],
    ids=["title", "description", "price"],
)
def test_required_field_blocks(changes: dict[str, object], field: str) -> None:
    (issue,) = [one for one in check(content(**changes), Surroundings()) if one.severity is Severity.ERROR]
    assert (issue.code, issue.field) == ("required_field_missing", field)


@pytest.mark.parametrize(
    ("price", "severity"),
    [
        (9_800, None),
        (1_200, None),
        (1_100, Severity.INFO),
        (500, Severity.WARNING),
        (137_000, None),
        (138_000, Severity.INFO),
        (400_000, Severity.WARNING),
    ],
)
def test_price_bands(price: int, severity: Severity | None) -> None:
    found = check(content(base_price_minor=price), Surroundings(median_price_minor=9_800))
    assert [issue.severity for issue in found] == ([] if severity is None else [severity])


def test_unknown_median_says_nothing_about_the_price() -> None:
    assert codes(content(base_price_minor=10**9), Surroundings(median_price_minor=None)) == []


def test_image_is_noted_when_missing_and_when_reused() -> None:
    assert codes(content(has_image=False), Surroundings(image_elsewhere=3)) == [("image_missing", "image")]
    assert codes(content(), Surroundings(image_elsewhere=3)) == [("image_reused", "image")]
