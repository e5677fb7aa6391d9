"""API keys: only a hash is kept, and only a valid key from an allowed place opens the door."""

import hmac
from datetime import timedelta
from typing import Any

import pytest
from django.db import IntegrityError, transaction

from accounts.actors import actor_of
from accounts.models import APIKey, Role, User
from accounts.permissions import REVIEW_SCOPES, SCOPES
from accounts.selectors import find_api_key, note_use
from accounts.services import create_api_key, revoke_api_key
from accounts.tokens import hash_token
from core.actors import SYSTEM
from core.errors import PermissionDenied, ValidationFailed
from core.models import AuditEntry
from tests.make import NOON, make_user

pytestmark = pytest.mark.django_db
HOME = "192.0.2.7"


def make(**fields: Any) -> tuple[APIKey, str]:
    fields.setdefault("scopes", ["orders:read"])
    return create_api_key(name="Partner", audience="seller", actor=SYSTEM, **fields)


def found(token: str, *, address: str = HOME, at: Any = NOON) -> APIKey | None:
    return find_api_key(token, address=address, at=at)


def test_a_new_key_opens_and_is_audited() -> None:
    key, token = make()
    assert found(token) == key
    entry = AuditEntry.objects.get(action="api_key.created")
    assert (entry.subject_id, entry.detail) == (key.pk, {"scopes": ["orders:read"]})


def test_the_secret_is_stored_nowhere() -> None:
    key, token = make()
    secret = token.split("_", 3)[3]
    stored = [str(value) for row in APIKey.objects.values() for value in row.values()]
    stored += [str(entry.detail) for entry in AuditEntry.objects.all()]
    assert not [value for value in stored if secret in value]
    assert key.secret_hash == hash_token(token)


def test_secrets_are_long_and_never_repeat() -> None:
    tokens = {make()[1] for _ in range(50)}
    assert len(tokens) == 50
    assert min(len(token.split("_", 3)[3]) for token in tokens) >= 32


@pytest.mark.parametrize(("is_test", "kind"), [(True, "mk_test_"), (False, "mk_live_")])
def test_a_key_says_whether_it_is_for_tests(is_test: bool, kind: str) -> None:
    assert make(is_test=is_test)[1].startswith(kind)


@pytest.mark.parametrize(
    "change",
    [
        lambda token: "",
        lambda token: "mk",
        lambda token: token[:-1],
        lambda token: token + "x",
        lambda token: token.replace("mk_live", "mk_test"),
        lambda token: "sk" + token[2:],
        lambda token: "_".join([*token.split("_", 3)[:3], "guess"]),
        lambda token: "_".join(["mk", "live", "0123456789", token.split("_", 3)[3]]),
        lambda token: token.replace("_", "-"),
        lambda token: f" {token}",
        lambda token: "mk_live_\x00_x",
        lambda token: "mk_live_é_é",
    ],
    ids=[
        "empty", "prefix", "cut off", "too long", "other kind", "other system", "wrong secret", "unknown key",
        "dashes", "blank", "zero byte", "not ascii",
    ],
)  # fmt: skip
def test_anything_but_the_exact_token_opens_nothing(change: Any) -> None:
    _, token = make()
    assert found(change(token)) is None


def test_hashes_are_compared_in_constant_time(monkeypatch: pytest.MonkeyPatch) -> None:
    compared: list[tuple[str, str]] = []

    compare_digest = hmac.compare_digest

    def compare(one: str, other: str) -> bool:
        compared.append((one, other))
        return compare_digest(one, other)

    monkeypatch.setattr("accounts.selectors.hmac.compare_digest", compare)
    key, token = make()
    assert found(f"{token}x") is None
    assert found(token) == key
    assert compared == [(key.secret_hash, hash_token(f"{token}x")), (key.secret_hash, key.secret_hash)]


def test_a_revoked_key_opens_nothing_at_once() -> None:
    key, token = make()
    revoke_api_key(key, actor=SYSTEM, at=NOON)
    assert found(token) is None
    assert AuditEntry.objects.filter(action="api_key.revoked", subject_id=key.pk).count() == 1


def test_revoking_twice_keeps_the_first_moment() -> None:
    key, _ = make()
    revoke_api_key(key, actor=SYSTEM, at=NOON)
    revoke_api_key(key, actor=SYSTEM, at=NOON + timedelta(days=1))
    assert APIKey.objects.get().revoked_at == NOON


def test_a_key_expires_to_the_second() -> None:
    key, token = make(expires_at=NOON)
    assert found(token, at=NOON - timedelta(seconds=1)) == key
    assert found(token, at=NOON) is None


@pytest.mark.parametrize(
    ("networks", "address", "is_open"),
    [
        ([], "203.0.113.9", True),
        (["192.0.2.0/24"], "192.0.2.255", True),
        (["192.0.2.0/24"], "192.0.3.0", False),
        (["198.51.100.0/24", "192.0.2.7/32"], "192.0.2.7", True),
        (["2001:db8::/32"], "2001:db8::1", True),
        (["2001:db8::/32"], "192.0.2.7", False),
        (["192.0.2.0/24"], "::ffff:192.0.2.7", True),
        (["192.0.2.0/24"], "", False),
        (["192.0.2.0/24"], "unknown", False),
    ],
    ids=[
        "any",
        "last",
        "beside",
        "second",
        "v6",
        "v4 for v6",
        "v4 told as v6",
        "no address",
        "no such thing",
    ],
)
def test_a_key_opens_from_its_networks_only(networks: list[str], address: str, is_open: bool) -> None:
    key, token = make(allowed_networks=networks)
    assert (found(token, address=address) == key) is is_open


@pytest.mark.parametrize("network", ["192.0.2.0/33", "office", "192.0.2.7/24", ""])
def test_a_network_that_is_none_is_refused_before_it_locks_anybody_out(network: str) -> None:
    with pytest.raises(ValidationFailed) as caught:
        make(allowed_networks=["192.0.2.0/24", network])
    (error,) = caught.value.errors
    assert (error.pointer, error.code) == ("/allowed_networks/1", "invalid_network")
    assert not APIKey.objects.exists()


def test_an_unknown_scope_is_refused() -> None:
    with pytest.raises(ValidationFailed) as caught:
        make(scopes=["orders:read", "everything"])
    assert caught.value.errors[0].code == "unknown_scope"
    assert not APIKey.objects.exists()


def test_every_scope_can_be_given() -> None:
    assert make(scopes=SCOPES)[0].scopes == list(SCOPES)


def test_finding_a_key_is_one_query(django_assert_num_queries: Any) -> None:
    _, token = make()
    with django_assert_num_queries(1):
        found(token)


def test_the_last_use_is_kept_to_the_minute(django_assert_num_queries: Any) -> None:
    key, _ = make()
    note_use(key, at=NOON)
    key.refresh_from_db()
    with django_assert_num_queries(0):
        note_use(key, at=NOON + timedelta(seconds=59))
    note_use(key, at=NOON + timedelta(seconds=61))
    key.refresh_from_db()
    assert key.last_used_at == NOON + timedelta(seconds=61)


def test_a_key_outlives_the_person_who_made_it() -> None:
    person = make_user()
    _, token = make(created_by=person)
    person.delete()
    assert found(token) is not None


# ── Keys of reviewers ────────────────────────────────────────────────────────────────────────────
def make_own(person: User, **fields: Any) -> tuple[APIKey, str]:
    fields.setdefault("scopes", REVIEW_SCOPES)
    fields.setdefault("actor", actor_of(person))
    return create_api_key(name="Tool", audience="reviewer", person=person, **fields)


def test_a_reviewer_makes_a_key_of_their_own() -> None:
    person = make_user(Role.REVIEWER)
    key, token = make_own(person)
    assert (key.person, key.created_by, key.scopes) == (person, person, list(REVIEW_SCOPES))
    assert found(token) == key
    entry = AuditEntry.objects.get(action="api_key.created")
    assert (entry.actor_kind, entry.actor_id) == ("user", str(person.pk))


@pytest.mark.parametrize("is_superuser", [False, True])
def test_nobody_makes_a_key_for_a_colleague(is_superuser: bool) -> None:
    colleague = make_user(Role.SENIOR_REVIEWER, is_superuser=is_superuser, is_staff=is_superuser)
    for actor in (actor_of(colleague), SYSTEM):
        with pytest.raises(PermissionDenied) as caught:
            make_own(make_user(Role.REVIEWER), actor=actor)
        assert caught.value.code == "not_yours"
    assert not APIKey.objects.exists()
    assert not AuditEntry.objects.filter(action="api_key.created").exists()


def test_who_does_not_review_has_no_such_key() -> None:
    with pytest.raises(PermissionDenied):
        make_own(make_user(Role.RISK_ANALYST))
    assert not APIKey.objects.exists()


def test_the_scopes_of_partners_and_reviewers_do_not_mix() -> None:
    with pytest.raises(ValidationFailed):
        make(scopes=["cases:review"])
    with pytest.raises(ValidationFailed):
        make_own(make_user(Role.REVIEWER), scopes=["cases:read", "orders:read"])
    with pytest.raises(ValidationFailed):
        make(person=make_user(Role.REVIEWER))
    with pytest.raises(ValidationFailed):
        create_api_key(name="Tool", audience="reviewer", scopes=REVIEW_SCOPES, actor=SYSTEM)
    assert not APIKey.objects.exists()


def test_the_database_keeps_a_key_with_its_one_person() -> None:
    lin, wei = make_user(Role.REVIEWER), make_user(Role.REVIEWER)
    make_own(lin)
    partner, _ = make()
    keys = APIKey.objects
    for change in (
        lambda: keys.filter(person=lin).update(person=wei),
        lambda: keys.filter(person=lin).update(person=None),
        lambda: keys.filter(person=lin).update(audience="operator"),
        lambda: keys.filter(pk=partner.pk).update(person=lin, created_by=lin),
        lambda: keys.filter(pk=partner.pk).update(audience="reviewer"),
    ):
        with pytest.raises(IntegrityError), transaction.atomic():
            change()


def test_a_reviewers_key_ends_with_the_person() -> None:
    person = make_user(Role.REVIEWER)
    _, token = make_own(person)
    person.delete()
    assert found(token) is None
