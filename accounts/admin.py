"""People, their roles, the keys of partner systems, and who is locked out."""

from typing import Any

from allauth.account.forms import ResetPasswordForm
from allauth.account.models import EmailAddress
from allauth.core import context
from allauth.mfa.models import Authenticator
from axes.models import AccessAttempt, AccessFailureLog, AccessLog
from axes.utils import reset
from django.contrib import admin
from django.contrib.auth.models import Group
from django.forms import ModelForm
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.cache import add_never_cache_headers
from django.utils.translation import gettext_lazy as _

from core import admin_shown as show
from core import audit, journal
from core.actors import Actor
from core.admin_base import BackofficeAdmin, Operation, RelatedRows, actor_of
from core.admin_menu import MenuGroup
from core.refs import Ref

from . import services
from .admin_forms import KeyForm, NewKeyForm, UserForm
from .models import APIKey, Audience, RoleGrant, User

# What the libraries register by themselves. A second factor's row holds its secret; groups would be a
# second list of rights beside the roles; the rest is shown below or nowhere.
for _model in (Group, Authenticator, EmailAddress, AccessAttempt, AccessLog, AccessFailureLog):
    if admin.site.is_registered(_model):
        admin.site.unregister(_model)


def _send_password_link(user: User, *, actor: Actor, **_of_the_operation: object) -> str:
    form = ResetPasswordForm({"email": user.email})
    if form.is_valid():
        form.save(context.request)
    with journal.unit():
        audit.record("user.password_link_sent", actor=actor, subject=Ref("user", user.pk))
    return str(_("A link was sent to %(email)s.") % {"email": user.email})


class RolesOfUser(RelatedRows):
    model = RoleGrant
    columns = ("role", "created_at")


@admin.register(User)
class UserAdmin(BackofficeAdmin):
    """Nobody sets another person's password here: a new person, too, gets a link."""

    menu, menu_order, icon, prefix = MenuGroup.PEOPLE, 10, "person", "usr"
    list_display = (
        "email",
        "name",
        "is_staff",
        "is_superuser",
        "is_active",
        show.moment("last_login", _("last signed in")),
    )
    list_filter = ("is_staff", "is_active")
    search_fields = ("email__icontains", "name__icontains")
    can_add = True
    given_once = ("email",)
    form = UserForm
    editable = ("name", "language", "languages", "time_zone", "is_active", "is_staff", "is_superuser")
    hidden = ("password",)
    inlines = (RolesOfUser,)
    operations = (
        Operation(
            code="password-link",
            label=_("Send a password link"),
            text=_("An e-mail with a link to choose a new password goes to this person’s address."),
            run=_send_password_link,
            is_open=lambda user: user.is_active,
        ),
        Operation(
            code="remove-second-factors",
            label=_("Remove two-factor"),
            text=_("The person signs in with the password alone until two-factor is set up again."),
            run=lambda user, *, actor, **_: services.remove_second_factors(user, actor=actor),
            is_danger=True,
        ),
    )

    def save_model(self, request: HttpRequest, obj: User, form: "ModelForm[User]", change: bool) -> None:
        if not change:
            obj.email = obj.email.lower()
            obj.set_unusable_password()
        super().save_model(request, obj, form, change)


@admin.register(RoleGrant)
class RoleGrantAdmin(BackofficeAdmin):
    menu, menu_order, icon = MenuGroup.PEOPLE, 20, "badge"
    list_display = ("role", show.linked("user", _("user")), show.moment("created_at", _("since")))
    list_select_related = ("user",)
    list_filter = ("role",)
    search_fields = ("user__email__icontains",)
    autocomplete_fields = ("user",)
    can_add = can_remove = True
    given_once = ("user", "role")

    def save_model(
        self, request: HttpRequest, obj: RoleGrant, form: "ModelForm[RoleGrant]", change: bool
    ) -> None:
        services.grant_role(obj.user, obj.role, actor=actor_of(request))  # type: ignore[arg-type]
        obj.pk = RoleGrant.objects.get(user=obj.user, role=obj.role).pk

    def delete_model(self, request: HttpRequest, obj: RoleGrant) -> None:
        services.revoke_role(obj, actor=actor_of(request))


@admin.register(APIKey)
class APIKeyAdmin(BackofficeAdmin):
    menu, menu_order, icon, prefix = MenuGroup.PEOPLE, 30, "key", "key"
    kind = "api_key"
    list_display = (
        "name",
        "prefix",
        "audience",
        show.linked("person", _("reviewer")),
        show.moment("last_used_at", _("last used")),
        show.moment("expires_at", _("expires")),
        show.moment("revoked_at", _("revoked")),
    )
    list_select_related = ("person",)
    list_filter = ("audience",)
    search_fields = ("name__icontains", "prefix__exact")
    can_add = True
    given_once = ("name", "audience", "scopes", "is_test", "expires_at")
    editable = ("name", "allowed_networks")
    hidden = ("secret_hash",)
    operations = (
        Operation(
            code="revoke",
            label=_("Revoke key"),
            text=_("Every call with this key is refused from now on. This cannot be undone."),
            run=lambda key, *, actor, at, **_: services.revoke_api_key(key, actor=actor, at=at),
            is_open=lambda key: key.revoked_at is None,
            is_danger=True,
        ),
    )

    def get_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        return self.given_once if obj is None else super().get_fields(request, obj)

    def get_form(self, request: HttpRequest, obj: APIKey | None = None, **kwargs: Any) -> Any:
        return KeyForm if obj else type("NewKeyForm", (NewKeyForm,), {"maker": request.user})

    def save_form(self, request: HttpRequest, form: Any, change: bool) -> Any:
        if change:
            return super().save_form(request, form, change)
        given = form.cleaned_data
        key, form.token = services.create_api_key(
            name=given["name"],
            audience=given["audience"],
            scopes=given["scopes"],
            is_test=given["is_test"],
            expires_at=given["expires_at"],
            actor=actor_of(request),
            created_by=request.user,  # type: ignore[arg-type]
            person=request.user if given["audience"] == Audience.REVIEWER else None,  # type: ignore[arg-type]
        )
        request.new_key_token = form.token  # type: ignore[attr-defined]
        return key

    def save_model(self, request: HttpRequest, obj: APIKey, form: Any, change: bool) -> None:
        if change:
            super().save_model(request, obj, form, change)

    def save_related(self, request: HttpRequest, form: Any, formsets: Any, change: bool) -> None:
        """Save nothing more: the service has written all of it."""

    def response_add(
        self, request: HttpRequest, obj: APIKey, post_url_continue: str | None = None
    ) -> HttpResponse:
        """Show the secret on the answer itself: it is stored nowhere, not even in a message."""
        response = TemplateResponse(
            request,
            "admin/new_key.html",
            {
                **self.admin_site.each_context(request),
                "opts": self.opts,
                "title": _("API key created"),
                "key": obj,
                "token": request.new_key_token,  # type: ignore[attr-defined]
                "href": reverse("admin:accounts_apikey_change", args=[obj.pk]),
            },
        )
        add_never_cache_headers(response)
        return response


def _unlock(attempt: AccessAttempt, *, actor: Actor, **_of_the_operation: object) -> str:
    reset(username=attempt.username, ip=attempt.ip_address)
    with journal.unit():
        audit.record("sign_in.unlocked", actor=actor, subject=Ref("access_attempt", attempt.pk))
    return str(_("The lock is lifted."))


@admin.register(AccessAttempt)
class AccessAttemptAdmin(BackofficeAdmin):
    """Failed sign-ins that still count; what was typed is not shown."""

    menu, menu_order, icon = MenuGroup.PEOPLE, 40, "lock_clock"
    title = _("failed sign-ins")
    list_display = ("username", "ip_address", "failures_since_start", "attempt_time")
    search_fields = ("username__exact", "ip_address__exact")
    hidden = ("get_data", "post_data", "http_accept")
    operations = (
        Operation(
            code="unlock",
            label=_("Lift the lock"),
            text=_("The failed attempts of this person from this address are forgotten."),
            run=_unlock,
        ),
    )
