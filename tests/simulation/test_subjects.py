"""Merchants, applications and listings of the sample: valid where honest, faulty where said."""

import re
from datetime import UTC, datetime, timedelta

import numpy as np
import phonenumbers
import polars as pl
import pytest
from stdnum import iban
from stdnum.cn import uscc
from stdnum.de import vat as german_vat
from stdnum.fr import tva
from stdnum.gb import vat as british_vat
from stdnum.it import iva
from stdnum.jp import cn as japanese_number
from stdnum.us import ein

from simulation import FRESH_DAYS, SampleMarketplace, generate

END = datetime(2026, 3, 1, 15, 30, tzinfo=UTC)
REGISTERS = {
    "CN": uscc,
    "US": ein,
    "DE": german_vat,
    "GB": british_vat,
    "FR": tva,
    "JP": japanese_number,
    "IT": iva,
}


@pytest.mark.parametrize("country", sorted(REGISTERS))
def test_registration_numbers_pass_their_check_unless_papers_are_false(
    country: str, sample: SampleMarketplace
) -> None:
    applications = sample.applications.filter(pl.col("country") == country)
    honest = applications.filter(~pl.col("is_bad"))["registration_number"]
    valid = [REGISTERS[country].is_valid(number) for number in honest]
    assert len(valid) > 3
    assert sum(valid) >= 0.8 * len(valid)


def test_false_papers_fail_their_check() -> None:
    applications = generate(100_000, seed=4, end=END).applications
    false = applications.filter(pl.col("story") == "false_registration")
    failed = [
        not REGISTERS[at].is_valid(number)
        for at, number in false.select("country", "registration_number").rows()
    ]
    assert 0.4 < np.mean(failed) < 0.95
    honest = applications.filter(~pl.col("is_bad"))
    failed = [
        not REGISTERS[at].is_valid(number)
        for at, number in honest.select("country", "registration_number").rows()
    ]
    assert 0.001 < np.mean(failed) < 0.05


def test_bank_accounts_phones_and_mailboxes_are_valid(sample: SampleMarketplace) -> None:
    for account in sample.applications["bank_account"]:
        assert iban.is_valid(account), account
    for phone in sample.applications["contact_phone"]:
        assert phonenumbers.is_valid_number(phonenumbers.parse(phone)), phone
    assert sample.applications["contact_email"].str.contains(r"^[a-z0-9-]+@[a-z0-9-]+\.example$").all()


def test_rings_share_accounts_or_devices_and_some_honest_applicants_do_too() -> None:
    applications = generate(100_000, seed=4, end=END).applications
    shared = pl.any_horizontal(pl.col("bank_account").is_duplicated(), pl.col("device_ref").is_duplicated())
    ring, honest = pl.col("story") == "collusion_ring", ~pl.col("is_bad")
    share_of_rings = applications.select(shared.filter(ring).mean()).item()
    share_of_honest = applications.select(shared.filter(honest).mean()).item()
    assert share_of_rings > 0.6
    assert 0.01 < share_of_honest < 0.15


def test_company_names_are_unique_and_in_two_languages(sample: SampleMarketplace) -> None:
    names = sample.merchants["name"]
    assert names.is_unique().all()
    chinese = names.str.contains(r"\p{Han}")
    assert chinese.equals(sample.merchants["country"] == "CN")
    assert 0.3 < chinese.mean() < 0.7  # type: ignore[operator]


def test_faulty_listings_show_their_fault(sample: SampleMarketplace) -> None:
    listings = sample.listings.join(sample.categories, left_on="category_code", right_on="code")
    assert listings["is_bad"].equals(listings["issue"].is_not_null())
    assert 0.03 < listings["is_bad"].mean() < 0.15  # type: ignore[operator]
    named = listings.select(
        "issue",
        named=pl.concat_str("title", "description", separator=" ").str.contains_any(
            sorted({term for terms in sample.categories["prohibited_terms"] for term in terms})
        ),
    )
    assert named["named"].equals(named["issue"].eq_missing("prohibited"))
    duplicates = listings.filter(pl.col("issue") == "duplicate")["title"].str.replace(r" (New|Hot|Sale)$", "")
    assert duplicates.is_in(listings["title"].implode()).all()
    base = listings.filter(pl.col("currency") == "CNY")
    ratio = (base["price_minor"] / base["median_price_minor"]).log().abs()
    assert ratio.filter(base["issue"].eq_missing("mispriced")).median() > 2.5  # type: ignore[operator]
    assert ratio.filter(base["issue"].is_null()).median() < 1  # type: ignore[operator]


def test_the_last_days_bring_applications_and_listings_that_have_no_orders_yet(
    sample: SampleMarketplace,
) -> None:
    fresh = END - timedelta(days=FRESH_DAYS)
    applied = sample.applications.filter(pl.col("submitted_at") >= fresh)
    listed = sample.listings.filter(pl.col("submitted_at") >= fresh)
    assert applied.height >= 20
    assert applied["merchant_ref"].null_count() == applied.height
    assert listed.height >= 10
    assert not set(listed["listing_ref"]) & set(sample.lines["listing_ref"])


def test_texts_hold_no_unfilled_part(sample: SampleMarketplace) -> None:
    texts = [*sample.listings["title"], *sample.listings["description"], *sample.merchants["name"]]
    assert not [text for text in texts if re.search(r"[{}]|  |null|None", text)]
