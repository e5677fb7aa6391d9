"""Merchants see their own; roles may do what the table says; strangers learn nothing."""

import pytest

from accounts.models import APIKey
from core.actors import SYSTEM
from core.errors import NotFound, PermissionDenied
from merchants import selectors, services
from merchants.models import MemberRole, Membership
from merchants.permissions import Access, Area, allows, require_member
from tests.make import make_application, make_key, make_merchant, make_upload, make_user

pytestmark = pytest.mark.django_db


def test_stranger_finds_nothing() -> None:
    application = make_application()
    document = services.add_document(application, make_upload(), "licence", actor=SYSTEM)
    mine = {make_merchant().pk}
    for look_up in (
        lambda: selectors.get_application(mine, application.pk),
        lambda: selectors.get_document(mine, document.pk),
        lambda: selectors.get_merchant(mine, application.merchant_id),
        lambda: selectors.get_membership(make_user(), application.merchant),
    ):
        with pytest.raises(NotFound):
            look_up()
    assert not selectors.list_applications(mine)
    assert not selectors.list_applications(set())


def test_operator_sees_every_merchant() -> None:
    application = make_application()
    assert selectors.get_application(None, application.pk) == application


def test_key_acts_for_its_merchants_only() -> None:
    merchant = make_merchant()
    make_key(merchant)
    make_key()
    seller, operator = APIKey.objects.order_by("id")
    assert selectors.merchant_ids_of_key(seller) == frozenset({merchant.pk})
    assert selectors.merchant_ids_of_key(operator) is None


@pytest.mark.parametrize(
    ("role", "area", "access", "expected"),
    [
        (MemberRole.OWNER, Area.LISTINGS, Access.WRITE, True),
        (MemberRole.CATALOGUE, Area.LISTINGS, Access.WRITE, True),
        (MemberRole.CATALOGUE, Area.ORDERS, Access.WRITE, False),
        (MemberRole.CATALOGUE, Area.AFTER_SALES, Access.READ, False),
        (MemberRole.ORDERS, Area.ORDERS, Access.WRITE, True),
        (MemberRole.ORDERS, Area.LISTINGS, Access.WRITE, False),
        (MemberRole.FINANCE, Area.REFUNDS, Access.WRITE, True),
        (MemberRole.SUPPORT, Area.REFUNDS, Access.READ, False),
        (MemberRole.READ_ONLY, Area.APPLICATION, Access.READ, True),
        (MemberRole.READ_ONLY, Area.APPLICATION, Access.WRITE, False),
        (MemberRole.ADMIN, Area.TEAM, Access.WRITE, True),
    ],
)
def test_role_table(role: str, area: Area, access: Access, expected: bool) -> None:
    assert allows(role, area, access) is expected


def test_member_without_the_right_is_denied_and_a_stranger_finds_nothing() -> None:
    merchant, reader = make_merchant(), make_user()
    Membership.objects.create(user=reader, merchant=merchant, role=MemberRole.READ_ONLY)
    assert require_member(reader, merchant, Area.LISTINGS, Access.READ).role == MemberRole.READ_ONLY
    with pytest.raises(PermissionDenied):
        require_member(reader, merchant, Area.LISTINGS)
    with pytest.raises(NotFound):
        require_member(make_user(), merchant, Area.LISTINGS, Access.READ)
