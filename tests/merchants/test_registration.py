"""Registration numbers, bank accounts and contacts are checked by their published algorithms."""

import numpy as np
import pytest

from merchants.bank_accounts import is_valid_account, normalise_account
from merchants.contacts import clean_email, clean_phone, is_disposable
from merchants.registration import check_registration, normalise_registration
from simulation.registrations import ibans, phones, registration_numbers

COUNTRIES = ["CN", "US", "DE", "GB", "FR", "JP", "IT"]


@pytest.mark.parametrize("country", COUNTRIES)
def test_generated_numbers_pass_and_spoilt_ones_fail(country: str) -> None:
    rng = np.random.default_rng(7)
    spoilt = np.arange(20) % 2 == 1
    numbers = registration_numbers(rng, country, 20, invalid=spoilt)
    assert [check_registration(country, number) for number in numbers.tolist()] == (~spoilt).tolist()


@pytest.mark.parametrize(
    ("country", "number", "expected"),
    [
        pytest.param("CN", "91110000600037341L", True, id="uscc"),
        pytest.param("CN", "91110000600037341A", False, id="uscc wrong check character"),
        pytest.param("DE", "HRB 11223, Aachen", True, id="trade register of a court"),
        pytest.param("FR", "552 008 443", True, id="siren with spaces"),
        pytest.param("FJ", "12345", None, id="no checker for the country"),
        pytest.param("DE", "  ", None, id="nothing written"),
    ],
)
def test_registration_is_true_false_or_unknown(country: str, number: str, expected: bool | None) -> None:
    assert check_registration(country, number) is expected


def test_spellings_of_one_number_match() -> None:
    assert normalise_registration("DE", "DE 136.695-976") == normalise_registration("DE", "136695976")
    assert normalise_registration("CN", "91 110000 60003734 1l") == "91110000600037341L"


def test_generated_accounts_and_phones_are_accepted() -> None:
    rng = np.random.default_rng(7)
    assert all(is_valid_account(c, a) for c, a in zip(COUNTRIES, ibans(rng, COUNTRIES), strict=True))
    assert all(clean_phone(text, "") for text in phones(rng, COUNTRIES))


@pytest.mark.parametrize(
    ("country", "account", "expected"),
    [
        pytest.param("DE", "DE89 3704 0044 0532 0130 00", True, id="iban"),
        pytest.param("DE", "DE89 3704 0044 0532 0130 01", False, id="iban with a wrong digit"),
        pytest.param("DE", "0532013000", False, id="national number where IBANs are used"),
        pytest.param("CN", "6222 0212 3456 7890 123", True, id="Chinese account"),
        pytest.param("CN", "NL91ABNA0417164301", False, id="another country's iban with a wrong digit"),
        pytest.param("CN", "12", False, id="too short"),
    ],
)
def test_account_is_valid(country: str, account: str, expected: bool) -> None:
    assert is_valid_account(country, normalise_account(account)) is expected


def test_contacts_are_cleaned() -> None:
    assert clean_email(" Owner@Example.COM ") == "owner@example.com"
    assert clean_email("owner@") is None
    assert clean_phone("010 6552 9988", "CN") == "+861065529988"
    assert clean_phone("not a number", "CN") is None
    assert is_disposable("x@sub.mailinator.com")
    assert not is_disposable("x@notmailinator.com")
