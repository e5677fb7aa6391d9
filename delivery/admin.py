"""Who was told what, and what each wants to hear of: to look up, not to change."""

from django.contrib import admin
from django.utils.translation import gettext_lazy as _

from core import admin_shown as show
from core.admin_base import BackofficeAdmin, MadeFilter
from core.admin_menu import MenuGroup

from .models import Consumer, DigestSetting, NoticeChoice, Notification


@admin.register(Notification)
class NotificationAdmin(BackofficeAdmin):
    menu, menu_order, icon, prefix = MenuGroup.PEOPLE, 50, "notifications", "ntc"
    list_display = (
        "kind",
        show.linked("user", _("person")),
        "channel",
        show.moment("created_at", _("when")),
        show.moment("read_at", _("read")),
        show.moment("mailed_at", _("mailed")),
    )
    list_select_related = ("user",)
    list_filter = ("kind", "channel", MadeFilter)
    shown = (show.public_id("ntc"),)


@admin.register(NoticeChoice)
class NoticeChoiceAdmin(BackofficeAdmin):
    menu, menu_order, icon = MenuGroup.PEOPLE, 60, "tune"
    list_display = ("kind", show.linked("user", _("person")), "channel")
    list_select_related = ("user",)
    list_filter = ("kind", "channel")


@admin.register(DigestSetting)
class DigestSettingAdmin(BackofficeAdmin):
    menu, menu_order, icon = MenuGroup.PEOPLE, 70, "schedule_send"
    list_display = (show.linked("user", _("person")), "hour", "last_on")
    list_select_related = ("user",)
    ordering = ("user_id",)


@admin.register(Consumer)
class ConsumerAdmin(BackofficeAdmin):
    menu, menu_order, icon = MenuGroup.SYSTEM, 90, "sync"
    list_display = ("name", "sequence")
    ordering = ("name",)
