"""What each member role may do for its merchant."""

from enum import StrEnum

from accounts.models import User
from core.errors import PermissionDenied

from .models import MemberRole, Membership, Merchant
from .selectors import get_membership


class Area(StrEnum):
    """The parts of a merchant's work that roles differ in."""

    APPLICATION = "application"
    LISTINGS = "listings"
    ORDERS = "orders"
    AFTER_SALES = "after_sales"
    REFUNDS = "refunds"
    TEAM = "team"


class Access(StrEnum):
    READ = "read"
    WRITE = "write"


_ALL = frozenset(MemberRole.values)
_LEADERS = frozenset({MemberRole.OWNER, MemberRole.ADMIN})

_WRITERS: dict[Area, frozenset[str]] = {
    Area.APPLICATION: _LEADERS,
    Area.LISTINGS: _LEADERS | {MemberRole.CATALOGUE},
    Area.ORDERS: _LEADERS | {MemberRole.ORDERS},
    Area.AFTER_SALES: _LEADERS | {MemberRole.ORDERS, MemberRole.SUPPORT},
    Area.REFUNDS: _LEADERS | {MemberRole.FINANCE},
    Area.TEAM: _LEADERS,
}
_READERS: dict[Area, frozenset[str]] = {
    Area.APPLICATION: _ALL,
    Area.LISTINGS: _ALL,
    Area.ORDERS: _ALL,
    Area.AFTER_SALES: _ALL - {MemberRole.CATALOGUE},
    Area.REFUNDS: _LEADERS | {MemberRole.FINANCE, MemberRole.READ_ONLY},
    Area.TEAM: _LEADERS,
}


def allows(role: str, area: Area, access: Access) -> bool:
    """Tell whether a role has that access to an area."""
    return role in (_WRITERS if access is Access.WRITE else _READERS)[area]


def require_member(user: User, merchant: Merchant, area: Area, access: Access = Access.WRITE) -> Membership:
    """Return the membership; NotFound for a stranger, PermissionDenied for a member without the right."""
    membership = get_membership(user, merchant)
    if not allows(membership.role, area, access):
        raise PermissionDenied(
            "Your role does not allow this.", extra={"area": area.value, "access": access.value}
        )
    return membership
