"""Recommendation runs and what they found, for looking up."""

from django.contrib import admin
from django.utils.translation import gettext_lazy as _

from core import admin_shown as show
from core.admin_base import BackofficeAdmin
from core.admin_menu import MenuGroup

from .models import ItemNeighbours, RecommendationRun


@admin.register(RecommendationRun)
class RecommendationRunAdmin(BackofficeAdmin):
    menu, menu_order, icon = MenuGroup.RECOMMENDATIONS, 10, "recommend"
    list_display = (
        "__str__",
        "is_live",
        "interactions",
        "items",
        show.moment("as_of", _("as of")),
        show.moment("created_at", _("created")),
    )
    list_filter = ("kind", "is_live")


@admin.register(ItemNeighbours)
class ItemNeighboursAdmin(BackofficeAdmin):
    menu, menu_order, icon = MenuGroup.RECOMMENDATIONS, 20, "hub"
    list_display = ("pk", show.linked("listing", _("listing")), show.linked("run", _("run")))
    list_select_related = ("listing", "run")
