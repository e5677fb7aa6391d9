"""The nearest earlier title is the same whether asked for one revision or for many."""

import random

from catalog.duplicates import CANDIDATES, Title, find_nearest


def title(
    text: str, *, at: int, id: int | None = None, listing: int | None = None, merchant: int = 1
) -> Title:
    return Title(id or at, listing or at, merchant, text, at)


def similarity(query: Title, *earlier: Title) -> float | None:
    (near,) = find_nearest([(query, query.known_at)], earlier)
    return near.similarity if near else None


def test_no_earlier_title_is_none_not_zero() -> None:
    assert similarity(title("Tea", at=5)) is None
    assert similarity(title("Tea", at=5), title("Tea", at=5, id=9), title("Tea", at=6)) is None


def test_same_words_in_another_order_and_spelling_are_equal() -> None:
    assert similarity(title("Oolong Tea 250 g", at=9), title("ＴＥＡ  250 g oolong", at=1, merchant=2)) == 1


def test_praise_makes_no_other_product() -> None:
    assert (
        similarity(title("Oolong Tea 250 g HOT Sale", at=9), title("Oolong Tea 250 g", at=1, merchant=2)) == 1
    )
    assert similarity(title("热卖 乌龙茶包邮", at=9), title("乌龙茶", at=1, merchant=2)) == 1
    assert similarity(title("New Sale", at=9), title("Hot Deal", at=1, merchant=2)) != 1


def test_own_listing_is_no_duplicate() -> None:
    assert similarity(title("Oolong Tea", at=9, listing=3), title("Oolong Tea", at=1, listing=3)) is None


def test_own_variants_are_no_duplicates_but_others_copies_are() -> None:
    query = title("Phone Case 128 GB", at=9)
    assert similarity(query, title("Phone Case 256 GB", at=1)) is None
    assert (similarity(query, title("Phone Case 256 GB", at=1, merchant=2)) or 0) > 0.8
    assert similarity(query, title("Phone Case 128 GB", at=1)) == 1


def test_only_the_newest_candidates_are_seen() -> None:
    old = title("Oolong Tea", at=1, merchant=2)
    others = [title(f"Mug {n}", at=n + 2, merchant=2) for n in range(CANDIDATES)]
    assert (similarity(title("Oolong Tea", at=10**6), old, *others) or 0) < 1
    assert similarity(title("Oolong Tea", at=10**6), old, *others[:-1]) == 1


def test_many_at_once_equal_one_by_one() -> None:
    rng = random.Random(3)
    words = ["red", "blue", "tea", "pot", "cup", "tin", "oolong", "绿茶", "礼盒", "128", "256"]
    titles = [
        title(" ".join(rng.choices(words, k=4)), at=n + 1, listing=n // 2 + 1, merchant=n % 7)
        for n in range(700)
    ]
    queries = [(one, one.known_at) for one in titles]
    one_by_one = [find_nearest([query], titles)[0] for query in queries]
    assert find_nearest(queries, titles) == one_by_one
