"""Categories and banned terms for staff to keep, listings and their revisions to look up."""

from django.contrib import admin
from django.utils.translation import gettext_lazy as _

from core import admin_shown as show
from core.admin_base import BackofficeAdmin, MadeFilter, RelatedRows
from core.admin_menu import MenuGroup

from .models import BannedTerm, Category, Listing, ListingRevision


class TermsOfCategory(RelatedRows):
    model = BannedTerm
    columns = ("term", "is_active", "created_at")


class RevisionsOfListing(RelatedRows):
    model = ListingRevision
    fk_name = "listing"
    columns = (
        "number",
        show.status("revision"),
        "title",
        show.money("price_minor", "currency", _("price")),
        "submitted_at",
        "decided_at",
    )


@admin.register(Category)
class CategoryAdmin(BackofficeAdmin):
    menu, menu_order, icon, prefix = MenuGroup.CATALOGUE, 10, "category", "cat"
    list_display = ("code", "name_en", "name_zh", show.linked("parent", _("parent")), "median_price_minor")
    list_select_related = ("parent",)
    search_fields = ("code__icontains", "name_en__icontains", "name_zh__icontains")
    ordering = ("code",)
    autocomplete_fields = ("parent",)
    can_add = True
    given_once = ("code",)  # rules and mappings name it
    editable = ("name_en", "name_zh", "parent")
    inlines = (TermsOfCategory,)


@admin.register(BannedTerm)
class BannedTermAdmin(BackofficeAdmin):
    """A term is switched off, not removed: old revisions were judged by it."""

    menu, menu_order, icon = MenuGroup.CATALOGUE, 20, "block"
    kind = "banned_term"
    list_display = ("term", show.linked("category", _("category")), "is_active", "created_at")
    list_select_related = ("category",)
    list_filter = ("is_active",)
    search_fields = ("term__icontains",)
    autocomplete_fields = ("category",)
    can_add = True
    given_once = ("term", "category")
    editable = ("is_active",)


@admin.register(Listing)
class ListingAdmin(BackofficeAdmin):
    menu, menu_order, icon, prefix = MenuGroup.CATALOGUE, 30, "sell", "lst"
    list_display = (
        "sku",
        show.public_id("lst"),
        show.status("listing"),
        show.linked("live_revision", _("title")),
        show.linked("merchant", _("merchant")),
        "stock",
        show.moment("created_at", _("created")),
    )
    list_select_related = ("merchant", "live_revision")
    list_filter = ("status", MadeFilter)
    search_fields = ("sku__exact",)
    shown = (show.public_id("lst"), show.status("listing"))
    inlines = (RevisionsOfListing,)


@admin.register(ListingRevision)
class ListingRevisionAdmin(BackofficeAdmin):
    menu, menu_order, icon, prefix = MenuGroup.CATALOGUE, 40, "edit_note", "rev"
    kind = "revision"
    list_display = (
        "title",
        "number",
        show.status("revision"),
        show.linked("listing", _("listing")),
        show.linked("category", _("category")),
        show.money("price_minor", "currency", _("price")),
        show.moment("submitted_at", _("submitted")),
    )
    list_select_related = ("listing", "category")
    list_filter = ("status", MadeFilter)
    search_fields = ("listing__sku__exact",)
    shown = (
        show.public_id("rev"),
        show.status("revision"),
        show.money("price_minor", "currency", _("price")),
    )
