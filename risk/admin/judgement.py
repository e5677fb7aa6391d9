"""Decisions, rules, lists, backtests, brakes and accounts in the admin."""

from datetime import datetime

from django.contrib import admin
from django.utils.translation import gettext_lazy as _

from core import admin_shown as show
from core.actors import Actor
from core.admin_base import BackofficeAdmin, MadeFilter, Operation, RelatedRows
from core.admin_menu import MenuGroup
from risk.accounts import acknowledge
from risk.models import (
    AccountScore,
    Activation,
    Alert,
    Backtest,
    BacktestPart,
    Brake,
    Decision,
    EntityList,
    Explanation,
    Label,
    ListEntry,
    ListVersion,
    ParityRun,
    Rollup,
    Rule,
    RuleSet,
    RuleSnooze,
)


class RulesOfRuleSet(RelatedRows):
    model = Rule
    columns = ("code", "name", "condition", "effect", "points", show.status("rule", "mode", _("mode")))


class ActivationsOfRuleSet(RelatedRows):
    model = Activation
    columns = (
        show.linked("author", _("author")),
        show.linked("last_editor", _("last editor")),
        show.linked("approver", _("approver")),
        show.linked("backtest", _("backtest")),
        "approved_at",
        "activated_at",
        "withdrawn_at",
    )


class VersionsOfList(RelatedRows):
    model = ListVersion
    columns = ("number", "comment", "added", "removed", "entry_count", show.linked("author", _("author")))


@admin.register(Decision)
class DecisionAdmin(BackofficeAdmin):
    menu, menu_order, icon, prefix = MenuGroup.RISK, 10, "gavel", "dec"
    list_display = (
        show.public_id("dec"),
        show.status("outcome", "outcome", _("outcome")),
        show.subject(),
        show.reference("merchant", "merchant_id", _("merchant")),
        show.score(),
        "points",
        show.moment("created_at", _("when")),
    )
    list_filter = ("subject_kind", "outcome", MadeFilter)
    shown = (
        show.public_id("dec"),
        show.subject(),
        show.reference("merchant", "merchant_id", _("merchant")),
        show.reference("ruleset", "ruleset_id", _("ruleset")),
        show.reference("model", "model_id", _("model")),
    )


@admin.register(Explanation)
class ExplanationAdmin(BackofficeAdmin):
    menu, menu_order, icon = MenuGroup.RISK, 20, "insights"
    list_display = (show.reference("decision", "pk", _("decision")), "feature_hash", "created_at")
    list_display_links = ("feature_hash",)
    list_filter = (MadeFilter,)


@admin.register(Label)
class LabelAdmin(BackofficeAdmin):
    menu, menu_order, icon, prefix = MenuGroup.RISK, 30, "label", "lab"
    list_display = (
        show.public_id("lab"),
        show.subject(),
        "is_bad",
        "source",
        "weight",
        show.reference("merchant", "merchant_id", _("merchant")),
        show.moment("occurred_at", _("happened")),
        show.moment("known_at", _("known")),
    )
    list_filter = ("subject_kind", "source", "is_bad", MadeFilter)
    shown = (show.subject(), show.reference("merchant", "merchant_id", _("merchant")))


@admin.register(RuleSet)
class RuleSetAdmin(BackofficeAdmin):
    menu, menu_order, icon, prefix = MenuGroup.RISK, 40, "rule", "rst"
    list_display = (
        "name",
        "subject",
        "number",
        show.status("ruleset"),
        show.linked("author", _("author")),
        show.moment("published_at", _("published")),
    )
    list_select_related = ("author",)
    list_filter = ("subject", "status")
    search_fields = ("name__icontains", "content_hash__exact")
    shown = (show.public_id("rst"), show.status("ruleset"))
    inlines = (RulesOfRuleSet, ActivationsOfRuleSet)


@admin.register(Rule)
class RuleAdmin(BackofficeAdmin):
    menu, menu_order, icon = MenuGroup.RISK, 50, "flaky"
    list_display = (
        "code",
        "name",
        show.linked("ruleset", _("ruleset")),
        "effect",
        "points",
        show.status("rule", "mode", _("mode")),
    )
    list_select_related = ("ruleset",)
    list_filter = ("mode", "effect")
    search_fields = ("code__exact", "name__icontains")


@admin.register(Activation)
class ActivationAdmin(BackofficeAdmin):
    menu, menu_order, icon = MenuGroup.RISK, 60, "verified"
    list_display = (
        show.moment("approved_at", _("approved")),
        show.linked("ruleset", _("ruleset")),
        show.linked("author", _("author")),
        show.linked("approver", _("approver")),
        show.linked("backtest", _("backtest")),
        show.moment("activated_at", _("activated")),
    )
    list_select_related = ("ruleset", "author", "approver", "backtest")


@admin.register(Backtest)
class BacktestAdmin(BackofficeAdmin):
    menu, menu_order, icon, prefix = MenuGroup.RISK, 62, "science", "bkt"
    list_display = (
        show.public_id("bkt"),
        "kind",
        show.linked("ruleset", _("ruleset")),
        show.status("job"),
        show.linked("requested_by", _("requested by")),
        show.moment("created_at", _("requested")),
        show.moment("finished_at", _("finished")),
    )
    list_select_related = ("ruleset", "requested_by")
    list_filter = ("subject", "kind", "status")
    search_fields = ("content_hash__exact",)
    shown = (show.public_id("bkt"), show.status("job"))


@admin.register(BacktestPart)
class BacktestPartAdmin(BackofficeAdmin):
    menu, menu_order, icon = MenuGroup.RISK, 64, "view_timeline"
    list_display = ("number", show.linked("backtest", _("backtest")), "row_count", "created_at")
    list_select_related = ("backtest",)


@admin.register(EntityList)
class EntityListAdmin(BackofficeAdmin):
    menu, menu_order, icon, prefix = MenuGroup.RISK, 52, "format_list_bulleted", "lis"
    kind = "list"
    list_display = ("code", "name", "kind", "version", show.moment("archived_at", _("archived")))
    list_filter = ("kind",)
    search_fields = ("code__icontains", "name__icontains")
    shown = (show.public_id("lis"),)
    inlines = (VersionsOfList,)


@admin.register(ListVersion)
class ListVersionAdmin(BackofficeAdmin):
    menu, menu_order, icon = MenuGroup.RISK, 53, "history"
    list_display = (
        show.linked("list", _("list")),
        "number",
        "comment",
        "added",
        "removed",
        "entry_count",
        show.linked("author", _("author")),
        show.moment("created_at", _("when")),
    )
    list_display_links = ("number",)
    list_select_related = ("list", "author")
    list_filter = (MadeFilter,)


@admin.register(ListEntry)
class ListEntryAdmin(BackofficeAdmin):
    menu, menu_order, icon = MenuGroup.RISK, 54, "list_alt"
    list_display = (
        show.linked("list", _("list")),
        "text",
        show.masked("sealed", _("identifier")),
        "note",
        "added_in",
        "removed_in",
        show.moment("expires_at", _("expires")),
    )
    list_display_links = ("added_in",)
    list_select_related = ("list",)
    list_filter = ("list", MadeFilter)
    search_fields = ("text__exact", "key__exact")
    shown = (show.masked("sealed", _("identifier")),)


@admin.register(RuleSnooze)
class RuleSnoozeAdmin(BackofficeAdmin):
    menu, menu_order, icon, prefix = MenuGroup.RISK, 56, "snooze", "snz"
    kind = "snooze"
    list_display = (
        "rule_code",
        "subject",
        "entity",
        "reason",
        show.linked("author", _("author")),
        show.moment("until", _("until")),
        show.moment("ended_at", _("ended")),
    )
    list_select_related = ("author",)
    list_filter = ("subject", "entity")
    search_fields = ("rule_code__exact",)
    shown = (show.public_id("snz"),)


@admin.register(Brake)
class BrakeAdmin(BackofficeAdmin):
    menu, menu_order, icon, prefix = MenuGroup.RISK, 58, "front_hand", "brk"
    list_display = (
        "__str__",
        "subject",
        "cause",
        show.moment("pulled_at", _("pulled")),
        show.linked("pulled_by", _("pulled by")),
        show.moment("released_at", _("released")),
        show.linked("released_by", _("released by")),
    )
    list_select_related = ("pulled_by", "released_by")
    list_filter = ("subject", "cause")
    search_fields = ("rule_code__exact",)
    shown = (
        show.public_id("brk"),
        show.reference("ruleset", "ruleset_id", _("ruleset")),
        show.reference("model", "model_id", _("model")),
    )


@admin.register(AccountScore)
class AccountScoreAdmin(BackofficeAdmin):
    menu, menu_order, icon = MenuGroup.RISK, 110, "speed"
    list_display = (
        show.moment("as_of", _("as of")),
        show.linked("merchant", _("merchant")),
        show.score(),
        show.status("severity", "band", _("band")),
    )
    list_select_related = ("merchant",)
    list_filter = (MadeFilter,)


def _acknowledge(alert: Alert, *, actor: Actor, at: datetime, **_of_the_operation: object) -> None:
    acknowledge(alert, actor=actor, at=at)


@admin.register(Alert)
class AlertAdmin(BackofficeAdmin):
    menu, menu_order, icon, prefix = MenuGroup.RISK, 120, "notification_important", "alr"
    list_display = (
        show.public_id("alr"),
        "code",
        show.linked("merchant", _("merchant")),
        show.status("severity", "to_band", _("band")),
        show.score(),
        show.moment("created_at", _("raised")),
        show.moment("acknowledged_at", _("acknowledged")),
    )
    list_select_related = ("merchant",)
    list_filter = (MadeFilter,)
    shown = (show.public_id("alr"),)
    operations = (
        Operation(
            code="acknowledge",
            label=_("Acknowledge"),
            text=_("The alert leaves the open list; it stays on the merchant’s record."),
            run=_acknowledge,
            is_open=lambda alert: alert.acknowledged_at is None,
        ),
    )


@admin.register(Rollup)
class RollupAdmin(BackofficeAdmin):
    menu, menu_order, icon = MenuGroup.RISK, 130, "stacked_bar_chart"
    list_display = ("source", "entity", "key", show.moment("watermark", _("rolled up to")))
    list_filter = ("source", "entity")
    search_fields = ("key__exact",)


@admin.register(ParityRun)
class ParityRunAdmin(BackofficeAdmin):
    menu, menu_order, icon = MenuGroup.RISK, 140, "balance"
    list_display = (
        "__str__",
        "events",
        "features",
        "mismatches",
        "overlapping",
        show.moment("started_at", _("started")),
        show.moment("finished_at", _("finished")),
    )
    list_filter = (MadeFilter,)
