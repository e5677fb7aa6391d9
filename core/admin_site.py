"""The staff's door: one admin site with our sign-in, our navigation and its own security policy.

The policy of the other doors forbids inline script; the admin's kit cannot do
without, so `settings.ADMIN_CSP_UPDATE` is added to the answers of this site only.
"""

from collections.abc import Callable, Iterable, Iterator
from typing import Any

from csp.decorators import csp_update
from django.conf import settings
from django.contrib.auth import logout
from django.contrib.auth.views import redirect_to_login
from django.db.models import Model
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_POST
from unfold.dataclasses import SearchResult
from unfold.sites import UnfoldAdminSite

from . import ids
from .admin_menu import MenuGroup
from .errors import NotFound, PermissionDenied

View = Callable[..., HttpResponseBase]


class BackofficeAdminSite(UnfoldAdminSite):  # type: ignore[misc]
    """Every model of the house, for staff who are signed in like everybody else."""

    index_title = _("Administration")

    def admin_view(self, view: View, cacheable: bool = False) -> View:
        relaxed: View = csp_update(settings.ADMIN_CSP_UPDATE)(super().admin_view(view, cacheable))
        return relaxed

    def login(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        """Send strangers to the house's sign-in, which knows about second factors and lock-outs."""
        if request.user.is_authenticated and not self.has_permission(request):
            raise PermissionDenied("This door is for staff.")
        return redirect_to_login(request.GET.get("next") or reverse("admin:index"))

    def logout(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        return _sign_out(request)

    def password_change(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        return redirect("account_change_password")

    def get_sidebar_list(self, request: HttpRequest) -> list[dict[str, Any]]:
        """Return the navigation: every model that the user may see, by its group."""
        groups: dict[str, list[dict[str, Any]]] = {group: [] for group in MenuGroup}
        for model, admin in self._registry.items():
            group = getattr(admin, "menu", None)
            if group and admin.has_view_permission(request):
                groups[group].append(_menu_item(model, admin))
        return [
            {
                "title": MenuGroup(group).label,
                "collapsible": True,  # the open group is the one of this page; the first page shows all
                "items": self._get_navigation_items(request, sorted(items, key=_menu_order)),
            }
            for group, items in groups.items()
            if items
        ]

    def index(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        groups: HttpResponse = super().index(
            request, {"groups": self.get_sidebar_list(request), **(extra_context or {})}
        )
        return groups

    def admins_of_ids(self) -> Iterator[tuple[type[Model], Any]]:
        """Yield the models whose rows have a public id, with their admins."""
        return ((model, admin) for model, admin in self._registry.items() if getattr(admin, "prefix", ""))


def find_by_public_id(request: HttpRequest, text: str) -> list[SearchResult]:
    """Return the object of a public id, for the search box on top of the navigation."""
    from django.contrib import admin

    return list(_found(request, text.strip(), admin.site.admins_of_ids()))  # type: ignore[attr-defined]


def _found(
    request: HttpRequest, text: str, admins: Iterable[tuple[type[Model], Any]]
) -> Iterator[SearchResult]:
    for model, admin in admins:
        try:
            id = ids.decode(admin.prefix, text)
        except NotFound:
            continue
        row = model._default_manager.filter(pk=id).first()
        if row is not None and admin.has_view_permission(request):
            options = model._meta
            yield SearchResult(
                title=f"{row}",
                description=f"{options.verbose_name} · {text}",
                link=reverse(f"admin:{options.app_label}_{options.model_name}_change", args=[id]),
                icon="arrow_forward",
            )


def _menu_item(model: type[Model], admin: Any) -> dict[str, Any]:
    options = model._meta
    title = str(admin.title or options.verbose_name_plural)
    return {
        "title": title[:1].upper() + title[1:],
        "icon": admin.icon,
        "link": reverse(f"admin:{options.app_label}_{options.model_name}_changelist"),
        "order": admin.menu_order,
    }


def _menu_order(item: dict[str, Any]) -> tuple[int, str]:
    return item["order"], item["title"]


@require_POST
def _sign_out(request: HttpRequest) -> HttpResponse:
    logout(request)
    return redirect(settings.ACCOUNT_LOGOUT_REDIRECT_URL)
