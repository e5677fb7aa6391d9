"""What listings say: titles and descriptions in English and 简体中文."""

import numpy as np
import polars as pl

from simulation.vocabulary import (
    DEPARTMENT_OF,
    DEPARTMENTS,
    DESCRIPTIONS_EN,
    DESCRIPTIONS_ZH,
    HEADS_EN,
    HEADS_ZH,
    PRODUCTS,
    QUALITIES_EN,
    QUALITIES_ZH,
    STYLES_EN,
    STYLES_ZH,
    TAILS_EN,
    TAILS_ZH,
)
from simulation.world import Bools, Ints, words

NOUNS = len(PRODUCTS[0].nouns_en)
TERMS = len(DEPARTMENTS[0].banned_en)


def listing_words(
    rng: np.random.Generator, *, product: Ints, style: Ints, chinese: Bools, prohibited: Bools, copy_of: Ints
) -> pl.DataFrame:
    """Return columns title and description.

    Prohibited goods name a banned term, four in five in the title, the others only in the description.
    copy_of   position of the listing whose title is copied with a small change; -1 for one's own
    """
    n = product.size
    in_title = rng.random(n) < 0.8
    drawn = pl.DataFrame(
        {
            "quality": rng.integers(0, len(QUALITIES_EN), n),
            "head": rng.integers(0, min(len(HEADS_EN), len(HEADS_ZH)), n),
            "tail": rng.integers(0, min(len(TAILS_EN), len(TAILS_ZH)), n),
            "noun": NOUNS * product + rng.integers(0, NOUNS, n),
            "term": TERMS * np.array(DEPARTMENT_OF)[product] + rng.integers(0, TERMS, n),
            "model": rng.integers(100, 1000, n),
            "letter": words(tuple("ABCDEFGHKLMNPRSTVX"), rng.integers(0, 18, n)),
            "sentence": rng.integers(0, len(DESCRIPTIONS_EN), n),
            "style": style,
            "chinese": chinese,
            "term_in_title": prohibited & in_title,
            "term_in_text": prohibited & ~in_title,
            "copy_of": copy_of,
            "mark": words(("New", "Hot", "Sale"), rng.integers(0, 3, n)),
        }
    )
    return drawn.select(title=_title(drawn), description=_description(drawn))


def _title(drawn: pl.DataFrame) -> pl.Series:
    english = pl.format(
        "{}{} {}{} {} {} {}{}",
        _word("head", HEADS_EN),
        _word("tail", TAILS_EN),
        pl.when("term_in_title").then(pl.format("{} ", _term("en"))).otherwise(pl.lit("")),
        _word("style", STYLES_EN),
        _word("quality", QUALITIES_EN),
        _noun("en"),
        "letter",
        "model",
    )
    chinese = pl.format(
        "{}{} {}{}{}{} {}{}",
        _word("head", HEADS_ZH),
        _word("tail", TAILS_ZH),
        pl.when("term_in_title").then(_term("zh")).otherwise(pl.lit("")),
        _word("style", STYLES_ZH),
        _word("quality", QUALITIES_ZH),
        _noun("zh"),
        "letter",
        "model",
    )
    own = pl.when("chinese").then(chinese).otherwise(english)
    titled = drawn.select(own.alias("own"), "copy_of", "mark")
    original = pl.col("own").gather(pl.max_horizontal("copy_of", pl.lit(0)))
    copied = pl.when(pl.col("copy_of") >= 0).then(pl.format("{} {}", original, "mark")).otherwise("own")
    return titled.select(copied.alias("title"))["title"]


def _description(drawn: pl.DataFrame) -> pl.Series:
    chinese = pl.format(
        "{}{}",
        pl.when("term_in_text").then(pl.format("{}，懂的来。", _term("zh"))).otherwise(pl.lit("")),
        _word("sentence", DESCRIPTIONS_ZH),
    )
    english = pl.format(
        "{}{}",
        pl.when("term_in_text").then(pl.format("Also available: {}. ", _term("en"))).otherwise(pl.lit("")),
        _word("sentence", DESCRIPTIONS_EN),
    )
    return drawn.select(pl.when("chinese").then(chinese).otherwise(english).alias("description"))[
        "description"
    ]


def _noun(language: str) -> pl.Expr:
    nouns = [noun for leaf in PRODUCTS for noun in (leaf.nouns_zh if language == "zh" else leaf.nouns_en)]
    return _word("noun", tuple(nouns))


def _term(language: str) -> pl.Expr:
    terms = [
        term for part in DEPARTMENTS for term in (part.banned_zh if language == "zh" else part.banned_en)
    ]
    return _word("term", tuple(terms))


def _word(column: str, choices: tuple[str, ...]) -> pl.Expr:
    return pl.lit(pl.Series(choices)).gather(pl.col(column))
