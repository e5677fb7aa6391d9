"""Who may do what: the whole table, so that widening a role is a decision and not an accident."""

from typing import Any

import pytest
from django.contrib.auth.models import AnonymousUser
from django.db import IntegrityError

from accounts.models import Role, RoleGrant, User
from accounts.permissions import Permission, has_permission, is_staff_member, permissions_of, require
from accounts.services import grant_role
from core.actors import SYSTEM
from core.errors import PermissionDenied
from core.models import AuditEntry
from tests.make import make_user

pytestmark = pytest.mark.django_db
P = Permission

TABLE: list[tuple[tuple[Role, ...], set[Permission]]] = [
    ((), set()),
    ((Role.REVIEWER,), {P.REVIEW_CASES, P.VIEW_RULES, P.VIEW_ALL_MERCHANTS}),
    (
        (Role.SENIOR_REVIEWER,),
        {P.REVIEW_CASES, P.REVIEW_SENIOR_CASES, P.VIEW_DESK, P.VIEW_RULES, P.VIEW_ALL_MERCHANTS},
    ),
    (
        (Role.RISK_ANALYST,),
        {P.VIEW_RULES, P.EDIT_RULES, P.PROMOTE_MODELS, P.VIEW_ALL_MERCHANTS, P.IMPORT_FILES},
    ),
    ((Role.OPERATIONS,), {P.VIEW_DESK, P.VIEW_ALL_MERCHANTS, P.IMPORT_FILES}),
    (
        (Role.REVIEWER, Role.OPERATIONS),
        {P.REVIEW_CASES, P.VIEW_DESK, P.VIEW_RULES, P.VIEW_ALL_MERCHANTS, P.IMPORT_FILES},
    ),
]


@pytest.mark.parametrize(("roles", "permissions"), TABLE, ids=lambda value: "+".join(sorted(value)) or "none")
def test_a_role_gives_exactly_these_permissions(
    roles: tuple[Role, ...], permissions: set[Permission]
) -> None:
    assert permissions_of(make_user(*roles)) == permissions


def test_every_role_is_in_the_table() -> None:
    assert {role for roles, _ in TABLE for role in roles} == set(Role)


def test_nobody_both_writes_rules_and_judges_cases() -> None:
    """One person who could do both could approve what they let through."""
    both = {P.EDIT_RULES, P.REVIEW_CASES}
    assert [role for role in Role if both <= permissions_of(make_user(role))] == []


def test_a_superuser_may_do_everything() -> None:
    assert permissions_of(User.objects.create_superuser("root@example.com", "x")) == set(Permission)


@pytest.mark.parametrize("fields", [{}, {"is_superuser": True}], ids=["reviewer", "superuser"])
def test_who_was_deactivated_may_do_nothing(fields: dict[str, Any]) -> None:
    assert permissions_of(make_user(Role.REVIEWER, is_active=False, **fields)) == frozenset()


def test_who_is_not_signed_in_may_do_nothing() -> None:
    assert permissions_of(AnonymousUser()) == frozenset()  # type: ignore[arg-type]


def test_opening_the_admin_is_no_staff_permission() -> None:
    assert not is_staff_member(make_user(is_staff=True))


def test_a_role_that_no_longer_exists_gives_nothing() -> None:
    user = make_user()
    RoleGrant.objects.create(user=user, role="emperor")
    assert permissions_of(user) == frozenset()


def test_a_missing_permission_is_refused_by_name() -> None:
    with pytest.raises(PermissionDenied) as caught:
        require(make_user(Role.REVIEWER), P.EDIT_RULES)
    assert (caught.value.http_status, caught.value.extra) == (403, {"permission": "edit_rules"})


def test_permissions_are_asked_for_once_per_request(django_assert_num_queries: Any) -> None:
    user = make_user(Role.REVIEWER)
    with django_assert_num_queries(1):
        assert has_permission(user, P.REVIEW_CASES)
        assert not has_permission(user, P.EDIT_RULES)


def test_granting_a_role_twice_changes_nothing_and_is_audited_once() -> None:
    user = make_user()
    grant_role(user, Role.REVIEWER, actor=SYSTEM)
    grant_role(user, Role.REVIEWER, actor=SYSTEM)
    assert AuditEntry.objects.filter(action="role.granted", subject_id=user.pk).count() == 1
    assert has_permission(User.objects.get(pk=user.pk), P.REVIEW_CASES)


def test_the_database_keeps_one_user_per_address_whatever_its_case() -> None:
    User.objects.create(email="ann@example.com")
    with pytest.raises(IntegrityError):
        User.objects.create(email="Ann@Example.com")


def test_an_address_is_kept_in_small_letters() -> None:
    assert User.objects.create_user("Ann@Example.COM").email == "ann@example.com"
