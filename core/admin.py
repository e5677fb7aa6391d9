"""The ground in the admin: journals and events for reading, exchange rates for adding."""

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from . import admin_shown as show
from .admin_base import BackofficeAdmin, MadeFilter, Operation
from .admin_menu import MenuGroup
from .models import (
    AuditBlock,
    AuditEntry,
    ExchangeRate,
    IdempotencyKey,
    OutboxEvent,
    Statement,
    TransitionRecord,
)
from .verification import verify


@admin.register(TransitionRecord)
class TransitionRecordAdmin(BackofficeAdmin):
    menu, menu_order, icon = MenuGroup.SYSTEM, 10, "swap_horiz"
    list_display = (
        show.moment("created_at", _("when")),
        show.subject(),
        "action",
        "from_state",
        "to_state",
        "reason_code",
        show.actor(),
    )
    list_filter = (MadeFilter,)
    shown = (show.subject(), show.actor())


@admin.register(AuditEntry)
class AuditEntryAdmin(BackofficeAdmin):
    menu, menu_order, icon = MenuGroup.SYSTEM, 20, "history_edu"
    list_display = (
        show.moment("created_at", _("when")),
        "action",
        show.subject(),
        show.actor(),
        "request_id",
    )
    list_filter = (MadeFilter,)
    shown = (show.subject(), show.actor())


@admin.register(Statement)
class StatementAdmin(BackofficeAdmin):
    menu, menu_order, icon = MenuGroup.SYSTEM, 25, "gavel"
    list_display = (
        show.moment("created_at", _("when")),
        show.subject(),
        "effect",
        "is_automated",
        "reason_codes",
        "appeal_until",
    )
    list_filter = (MadeFilter, "effect", "is_automated")
    shown = (show.subject(),)


def _verify_chain(block: AuditBlock, **_of_the_operation: object) -> str:
    broken = verify(at=timezone.now()).broken
    if broken is None:
        return str(_("Every block matches its rows and the block before it."))
    return str(
        _("Block %(number)s does not match its rows or the block before it.") % {"number": broken.block}
    )


@admin.register(AuditBlock)
class AuditBlockAdmin(BackofficeAdmin):
    menu, menu_order, icon = MenuGroup.SYSTEM, 30, "lock"
    list_display = ("number", "journal", "row_count", "sealed_at", "hash")
    operations = (
        Operation(
            code="verify",
            label=_("Verify the chain"),
            text=_("Every sealed row is read and hashed again. On a long journal this takes minutes."),
            run=_verify_chain,
        ),
    )

    def get_queryset(self, request: HttpRequest) -> QuerySet[AuditBlock]:
        return super().get_queryset(request).defer("digests")  # type: ignore[no-any-return]


@admin.register(OutboxEvent)
class OutboxEventAdmin(BackofficeAdmin):
    menu, menu_order, icon, prefix = MenuGroup.SYSTEM, 40, "campaign", "evt"
    list_display = (
        show.public_id("evt"),
        "type",
        show.subject(),
        show.reference("merchant", "merchant_id", _("merchant")),
        "sequence",
        show.moment("created_at", _("when")),
    )
    list_filter = (MadeFilter,)
    shown = (show.subject(), show.reference("merchant", "merchant_id", _("merchant")))


@admin.register(IdempotencyKey)
class IdempotencyKeyAdmin(BackofficeAdmin):
    """The stored answer is left out: it may hold personal data."""

    menu, menu_order, icon = MenuGroup.SYSTEM, 50, "repeat_one"
    list_display = ("key", "credential", "status", show.moment("created_at", _("when")))
    search_fields = ("key__exact",)
    list_filter = (MadeFilter,)


@admin.register(ExchangeRate)
class ExchangeRateAdmin(BackofficeAdmin):
    """A rate is never changed, because orders were converted with it; a newer one takes its place."""

    menu, menu_order, icon = MenuGroup.SYSTEM, 60, "currency_exchange"
    kind = "exchange_rate"
    list_display = ("currency", "rate", "valid_from")
    search_fields = ("currency__iexact",)
    ordering = ("currency", "-valid_from")
    can_add = True
    given_once = ("currency", "rate", "valid_from")
