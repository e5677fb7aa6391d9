"""Who may do what: staff permissions by role, and API scopes."""

from enum import StrEnum

from core.errors import PermissionDenied

from .models import Role, User


class Permission(StrEnum):
    REVIEW_CASES = "review_cases"
    REVIEW_SENIOR_CASES = "review_senior_cases"
    VIEW_DESK = "view_desk"  # the numbers of everybody's work
    VIEW_RULES = "view_rules"
    EDIT_RULES = "edit_rules"
    PROMOTE_MODELS = "promote_models"
    VIEW_ALL_MERCHANTS = "view_all_merchants"
    IMPORT_FILES = "import_files"


_BY_ROLE: dict[str, frozenset[Permission]] = {
    Role.REVIEWER: frozenset({Permission.REVIEW_CASES, Permission.VIEW_RULES, Permission.VIEW_ALL_MERCHANTS}),
    Role.SENIOR_REVIEWER: frozenset(
        {
            Permission.REVIEW_CASES,
            Permission.REVIEW_SENIOR_CASES,
            Permission.VIEW_DESK,
            Permission.VIEW_RULES,
            Permission.VIEW_ALL_MERCHANTS,
        }
    ),
    Role.RISK_ANALYST: frozenset(
        {
            Permission.VIEW_RULES,
            Permission.EDIT_RULES,
            Permission.PROMOTE_MODELS,
            Permission.VIEW_ALL_MERCHANTS,
            Permission.IMPORT_FILES,
        }
    ),
    Role.OPERATIONS: frozenset(
        {Permission.VIEW_DESK, Permission.VIEW_ALL_MERCHANTS, Permission.IMPORT_FILES}
    ),
}

SCOPES = (
    "applications:read",
    "applications:write",
    "listings:read",
    "listings:write",
    "orders:read",
    "orders:write",
    "decisions:read",
    "appeals:write",
    "recommendations:read",
    "events:read",
)
# What a reviewer’s own key may hold, and no other.
REVIEW_SCOPES = ("cases:read", "cases:review")


def roles_of(user: User) -> frozenset[str]:
    """Return the staff roles a user was given; one query, remembered on the object."""
    remembered: frozenset[str] | None = getattr(user, "_roles", None)
    if remembered is None:
        remembered = frozenset(user.role_grants.values_list("role", flat=True))
        user._roles = remembered  # type: ignore[attr-defined]
    return remembered


def permissions_of(user: User) -> frozenset[Permission]:
    """Return the staff permissions of a user (one query, remembered on the object); superusers have all."""
    if not user.is_active or not user.is_authenticated:
        return frozenset()
    if user.is_superuser:
        return frozenset(Permission)
    return frozenset().union(*(_BY_ROLE.get(role, frozenset()) for role in roles_of(user)))


def has_permission(user: User, permission: Permission) -> bool:
    return permission in permissions_of(user)


def require(user: User, permission: Permission) -> None:
    """Raise PermissionDenied unless the user holds the permission."""
    if not has_permission(user, permission):
        raise PermissionDenied("Your role does not allow this.", extra={"permission": permission.value})


def is_staff_member(user: User) -> bool:
    """Tell whether the console has anything for this user."""
    return bool(permissions_of(user))
