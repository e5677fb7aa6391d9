"""Lets the staff roles of the house into the admin, so that there is no second list of who may see what."""

from typing import Any

from django.contrib.auth.backends import BaseBackend

from .models import User
from .permissions import Permission, has_permission


class RoleBackend(BaseBackend):
    """Staff who may see every merchant may look at every table; changing anything takes a superuser."""

    def has_perm(self, user_obj: Any, perm: str, obj: Any = None) -> bool:
        _app, _, name = perm.partition(".")
        return name.startswith("view_") and _may_look(user_obj)

    def has_module_perms(self, user_obj: Any, app_label: str) -> bool:
        return _may_look(user_obj)


def _may_look(user: Any) -> bool:
    return (
        isinstance(user, User)
        and user.is_active
        and user.is_staff
        and has_permission(user, Permission.VIEW_ALL_MERCHANTS)
    )
