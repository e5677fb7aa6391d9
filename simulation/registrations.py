"""Registration numbers, IBANs and telephone numbers that pass their check digits, made as columns.

The check digits are those python-stdnum verifies; each function names its algorithm.
"""

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from simulation.world import Ints

Texts = npt.NDArray[np.str_]
Maker = Callable[[np.random.Generator, int], Texts]


def registration_numbers(
    rng: np.random.Generator, country: str, n: int, *, invalid: npt.NDArray[np.bool_]
) -> Texts:
    """Return n numbers of the country's main business register; where `invalid`, one digit is wrong."""
    numbers = _MAKERS[country](rng, n)
    return np.array([_spoil(number) if bad else number for number, bad in zip(numbers, invalid, strict=True)])


def ibans(rng: np.random.Generator, countries: list[str]) -> list[str]:
    """Return one valid IBAN per entry; sellers of countries without IBAN hold an account in Ireland."""
    accounts = rng.integers(10**13, 10**14, len(countries))
    return [
        _iban(country, str(account)) for country, account in zip(countries, accounts.tolist(), strict=True)
    ]


def phones(rng: np.random.Generator, countries: list[str]) -> list[str]:
    """Return landlines in E.164: for GB and US from ranges kept free for fiction (Ofcom, NANPA 555-01xx)."""
    subscribers = rng.integers(0, 10**6, len(countries)).tolist()
    return [_PHONES[country](subscriber) for country, subscriber in zip(countries, subscribers, strict=True)]


def _uscc(rng: np.random.Generator, n: int) -> Texts:
    """GB 32100-2015: 17 characters of 31, weights 3^i mod 31."""
    alphabet = np.array(list("0123456789ABCDEFGHJKLMNPQRTUWXY"))
    weights = np.array([1, 3, 9, 27, 19, 26, 16, 17, 20, 29, 25, 13, 8, 24, 10, 30, 28])
    body = np.concatenate([np.tile([9, 1], (n, 1)), _digits(rng, n, 6), rng.integers(0, 31, (n, 9))], axis=1)
    check = (31 - body @ weights % 31) % 31
    return _join(alphabet[np.column_stack([body, check])])


def _german_vat(rng: np.random.Generator, n: int) -> Texts:
    """ISO 7064 Mod 11, 10."""
    body = _digits(rng, n, 8, first=1)
    check = np.full(n, 10)
    for digit in body.T:
        total = (check + digit) % 10
        check = np.where(total == 0, 10, total) * 2 % 11
    return np.char.add("DE", _decimal(np.column_stack([body, (11 - check) % 10])))


def _british_vat(rng: np.random.Generator, n: int) -> Texts:
    """Weights 8…2 and two check digits that bring the sum to a multiple of 97."""
    body = _digits(rng, n, 7, first=1)
    check = 97 - body @ np.arange(8, 1, -1) % 97
    return np.char.add("GB", _decimal(np.column_stack([body, check // 10, check % 10])))


def _french_vat(rng: np.random.Generator, n: int) -> Texts:
    """Two key digits, (SIREN · 100 + 12) mod 97, before a SIREN that passes Luhn."""
    siren = _with_luhn(_digits(rng, n, 8, first=1))
    key = (siren @ 10 ** np.arange(10, 1, -1) + 12) % 97
    return np.char.add("FR", _decimal(np.column_stack([key // 10, key % 10, siren])))


def _italian_vat(rng: np.random.Generator, n: int) -> Texts:
    """Luhn over seven digits of the company and three of the province (001–100)."""
    province = rng.integers(1, 101, n)
    body = np.column_stack([_digits(rng, n, 7, first=1), province // 100, province // 10 % 10, province % 10])
    return np.char.add("IT", _decimal(_with_luhn(body)))


def _japanese_corporate(rng: np.random.Generator, n: int) -> Texts:
    """9 minus the sum, weighted 1, 2, 1, 2 … from the right, mod 9; the check digit stands first."""
    body = _digits(rng, n, 12)
    check = 9 - body[:, ::-1] @ np.tile([1, 2], 6) % 9
    return _decimal(np.column_stack([check, body]))


def _american_ein(rng: np.random.Generator, n: int) -> Texts:
    """An IRS campus prefix and seven digits; EINs carry no check digit."""
    prefixes = np.array([12, 20, 26, 27, 33, 45, 46, 47, 81, 82, 83, 84, 85, 86, 87, 88])[
        rng.integers(0, 16, n)
    ]
    return _decimal(np.column_stack([prefixes // 10, prefixes % 10, _digits(rng, n, 7)]))


_MAKERS: dict[str, Maker] = {
    "CN": _uscc,
    "US": _american_ein,
    "DE": _german_vat,
    "GB": _british_vat,
    "FR": _french_vat,
    "JP": _japanese_corporate,
    "IT": _italian_vat,
}

_US_AREAS = (
    201,
    202,
    206,
    212,
    213,
    214,
    216,
    303,
    305,
    312,
    313,
    404,
    415,
    503,
    512,
    602,
    612,
    617,
    702,
    713,
)
_PHONES: dict[str, Callable[[int], str]] = {
    "CN": lambda n: f"+86{(10, 20, 21, 25, 27, 28)[n % 6]}6{n:06d}8",
    "US": lambda n: f"+1{_US_AREAS[n // 100 % 20]}55501{n % 100:02d}",
    "DE": lambda n: f"+493023{n:06d}",
    "GB": lambda n: f"+442079460{n % 1000:03d}",
    "FR": lambda n: f"+33199{n:06d}",
    "JP": lambda n: f"+81352{n:06d}",
    "IT": lambda n: f"+390612{n:06d}",
}


def _spoil(number: str) -> str:
    """Change the last character by one, which every check digit notices; an EIN, which has none, loses it."""
    if len(number) == 9:
        return number[:-1]
    last = number[-1]
    return number[:-1] + (str(int(last) + 1) if last in "012345678" else "8" if last == "9" else "0")


def _iban(country: str, account: str) -> str:
    """ISO 13616: check digits by ISO 7064 Mod 97, 10 over account + country + 00, letters as 10–35."""
    home, bank = {
        "DE": ("DE", "99" + account[:2] + "00"),
        "GB": ("GB", "SMPL00"),
        "FR": ("LU", "0990"),
        "IT": ("NL", "SMPL"),
    }.get(country, ("IE", "SMPL00"))
    lengths = {"DE": 18, "GB": 18, "LU": 16, "NL": 14, "IE": 18}
    bban = bank + account[: lengths[home] - len(bank)].zfill(lengths[home] - len(bank))
    number = int("".join(str(int(character, 36)) for character in f"{bban}{home}00"))
    return f"{home}{98 - number % 97:02d}{bban}"


def _with_luhn(body: Ints) -> Ints:
    doubled = body.copy()
    doubled[:, ::-2] *= 2
    check = -(doubled // 10 + doubled % 10).sum(axis=1) % 10
    return np.column_stack([body, check])


def _digits(rng: np.random.Generator, n: int, width: int, *, first: int = 0) -> Ints:
    """Return (n, width) digits of which the first is at least `first`."""
    digits = rng.integers(0, 10, (n, width))
    digits[:, 0] = rng.integers(first, 10, n)
    return digits


def _decimal(digits: Ints) -> Texts:
    return _join(digits.astype("U1"))


def _join(characters: Texts) -> Texts:
    """Return each row of single characters as one text."""
    rows = np.ascontiguousarray(characters)
    return rows.view(f"U{rows.shape[1]}").ravel()
