"""Mappings are parsed strictly: what is wrong is named, nothing is guessed."""

from decimal import Decimal

import pytest

from intake.imports import ImportRefused, list_mappings, load_mapping, parse_mapping
from tests.intake.imports.sources import SHOP


@pytest.mark.parametrize("name", ["backoffice", "fraud_handbook", "olist"])
def test_shipped_mappings_parse(name: str) -> None:
    assert name in list_mappings()
    assert load_mapping(name).name == name


def test_a_mapping_says_what_it_means() -> None:
    mapping = load_mapping("fraud_handbook")
    assert mapping.label is not None
    assert (mapping.label.is_bad, mapping.label.delay_days, mapping.label.source) == (
        "TX_FRAUD",
        7,
        "imported",
    )
    assert mapping.rates == {"EUR": Decimal("7.90")}
    assert mapping.orders.prefixes["merchant_ref"] == "handbook-"
    assert mapping.lines.part is None


def test_the_hash_is_of_the_text() -> None:
    changed = SHOP.replace("7.9", "7.8")
    assert parse_mapping("a", SHOP).content_hash == parse_mapping("b", SHOP).content_hash
    assert parse_mapping("a", SHOP).content_hash != parse_mapping("a", changed).content_hash


@pytest.mark.parametrize(
    ("old", "new", "sentence"),
    [
        ('money = "major"', 'money = "cents"', "“money” is one of major, minor"),
        ('title = "A shop', 'titel = "A shop', "“title” is missing"),
        ('total = "Amount"', 'totl = "Amount"', r"“orders.columns.totl” is not known; did you mean “total”"),
        ('total = "Amount"\n', "", "does not say where “total” comes from"),
        ('status = "completed"', 'status = "received"', "“received” is no status"),
        ('EUR = "7.9"', 'EUR = "much"', "rate of EUR is not a number"),
        ('EUR = "7.9"', 'EUR = "0"', "rate of EUR is out of range"),
        ('EUR = "7.9"', "EUR = 7.9", "“fx.rates.EUR” has to be a text"),
        ("Europe/Paris", "Europe/Pari", "no time zone “Europe/Pari”"),
        ("create = true", 'create = "yes"', "“merchants.create” has to be true or false"),
        ("[merchants]", "[merchant]", "“merchant” is not known; did you mean “merchants”"),
        ("[orders]", "[orders", "It is not TOML"),
        (
            "[merchants]",
            '[label]\nis_bad = "Bad"\nsource = "rumour"\n[merchants]',
            "“rumour” is no label source",
        ),
        ("[merchants]", '[label]\nis_bad = "Bad"\n[merchants]', "names either a source or a column"),
        ("[merchants]", "[lines]\ncheck_total = true\n[merchants]", "“lines.check_total” is not known"),
    ],
)
def test_a_wrong_mapping_is_refused_by_name(old: str, new: str, sentence: str) -> None:
    assert old in SHOP
    with pytest.raises(ImportRefused, match=sentence.replace(".", r"\.")):
        parse_mapping("shop", SHOP.replace(old, new))


def test_an_unknown_mapping_lists_those_there_are() -> None:
    with pytest.raises(ImportRefused, match="fraud_handbook"):
        load_mapping("fraud_handbok")
