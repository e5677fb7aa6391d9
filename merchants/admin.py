"""Merchants, who acts for them, and their applications."""

from django.contrib import admin
from django.utils.translation import gettext_lazy as _

from core import admin_shown as show
from core.admin_base import BackofficeAdmin, MadeFilter, RelatedRows
from core.admin_menu import MenuGroup

from .models import Document, KeyGrant, Membership, Merchant, MerchantApplication


class MembersOfMerchant(RelatedRows):
    model = Membership
    columns = (show.linked("user", _("user")), "role", "created_at")


class KeysOfMerchant(RelatedRows):
    model = KeyGrant
    columns = (show.linked("api_key", _("API key")), "created_at")


class ApplicationsOfMerchant(RelatedRows):
    model = MerchantApplication
    columns = (show.public_id("app"), "attempt", show.status("application"), "submitted_at", "decided_at")


class DocumentsOfApplication(RelatedRows):
    model = Document
    columns = (show.public_id("doc"), "kind", "content_type", "size_bytes", "created_at")


@admin.register(Merchant)
class MerchantAdmin(BackofficeAdmin):
    menu, menu_order, icon, prefix = MenuGroup.MERCHANTS, 10, "storefront", "mer"
    list_display = (
        "name",
        show.public_id("mer"),
        show.status("merchant"),
        "country",
        "trust_tier",
        show.score("account_score", _("account score")),
        show.moment("joined_at", _("joined")),
    )
    list_filter = ("status", "trust_tier")
    search_fields = ("name__icontains", "external_ref__exact")
    editable = ("name", "trust_tier")
    shown = (show.public_id("mer"), show.status("merchant"))
    inlines = (MembersOfMerchant, KeysOfMerchant, ApplicationsOfMerchant)


@admin.register(Membership)
class MembershipAdmin(BackofficeAdmin):
    menu, menu_order, icon = MenuGroup.MERCHANTS, 20, "group"
    list_display = (
        show.linked("user", _("user")),
        show.linked("merchant", _("merchant")),
        "role",
        show.moment("created_at", _("since")),
    )
    list_display_links = ("role",)
    list_select_related = ("user", "merchant")
    list_filter = ("role",)
    search_fields = ("user__email__icontains", "merchant__name__icontains")
    autocomplete_fields = ("user", "merchant")
    can_add = can_remove = True
    given_once = ("user", "merchant")
    editable = ("role",)


@admin.register(KeyGrant)
class KeyGrantAdmin(BackofficeAdmin):
    menu, menu_order, icon = MenuGroup.PEOPLE, 35, "vpn_key"
    kind = "key_grant"
    list_display = (
        "__str__",
        show.linked("api_key", _("API key")),
        show.linked("merchant", _("merchant")),
        show.moment("created_at", _("since")),
    )
    list_select_related = ("api_key", "merchant")
    search_fields = ("api_key__name__icontains", "merchant__name__icontains")
    autocomplete_fields = ("api_key", "merchant")
    can_add = can_remove = True
    given_once = ("api_key", "merchant")


@admin.register(MerchantApplication)
class MerchantApplicationAdmin(BackofficeAdmin):
    """Personal data stays sealed: only the ends of what was given are shown."""

    menu, menu_order, icon, prefix = MenuGroup.MERCHANTS, 30, "assignment", "app"
    kind = "application"
    list_display = (
        "company_name",
        show.public_id("app"),
        show.status("application"),
        show.linked("merchant", _("merchant")),
        "attempt",
        "country",
        show.moment("submitted_at", _("submitted")),
    )
    list_select_related = ("merchant",)
    list_filter = ("status", MadeFilter)
    search_fields = ("company_name__icontains", "registration_number__exact", "external_ref__exact")
    shown = (
        show.public_id("app"),
        show.status("application"),
        show.masked("bank_account", _("bank account")),
        show.masked("contact_email", _("e-mail address")),
        show.masked("contact_phone", _("phone")),
    )
    inlines = (DocumentsOfApplication,)


@admin.register(Document)
class DocumentAdmin(BackofficeAdmin):
    """The file itself is opened in the console, where each look is recorded."""

    menu, menu_order, icon, prefix = MenuGroup.MERCHANTS, 40, "description", "doc"
    list_display = (
        show.public_id("doc"),
        "kind",
        show.linked("application", _("application")),
        "content_type",
        "size_bytes",
        show.moment("created_at", _("uploaded")),
    )
    list_select_related = ("application",)
    list_filter = ("kind", MadeFilter)
    search_fields = ("sha256__exact",)
    shown = (show.public_id("doc"),)
