"""Judgement in the admin: all of it for reading; rules and models are worked on in the console."""

from datetime import datetime

from django.contrib import admin
from django.utils.translation import gettext_lazy as _

from core import admin_shown as show
from core.actors import Actor
from core.admin_base import BackofficeAdmin, MadeFilter, Operation, RelatedRows
from core.admin_menu import MenuGroup

from .accounts import acknowledge
from .models import (
    AccountScore,
    Activation,
    Alert,
    Decision,
    Explanation,
    Label,
    ModelPromotion,
    ModelVersion,
    Rule,
    RuleSet,
    ShadowScore,
    TrainingRun,
)


class RulesOfRuleSet(RelatedRows):
    model = Rule
    columns = ("code", "name", "condition", "effect", "points", show.status("rule", "mode", _("mode")))


class ActivationsOfRuleSet(RelatedRows):
    model = Activation
    columns = (show.linked("author", _("author")), show.linked("approver", _("approver")), "activated_at")


class PromotionsOfModel(RelatedRows):
    model = ModelPromotion
    columns = (
        show.linked("requested_by", _("requested by")),
        show.linked("approver", _("approver")),
        "promoted_at",
        "ended_at",
    )


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
        show.moment("activated_at", _("activated")),
        show.linked("ruleset", _("ruleset")),
        show.linked("author", _("author")),
        show.linked("approver", _("approver")),
    )
    list_select_related = ("ruleset", "author", "approver")


@admin.register(ModelVersion)
class ModelVersionAdmin(BackofficeAdmin):
    menu, menu_order, icon, prefix = MenuGroup.RISK, 70, "model_training", "mod"
    kind = "model"
    list_display = (
        "__str__",
        "kind",
        show.status("model"),
        show.linked("training", _("training run")),
        show.moment("created_at", _("created")),
    )
    list_select_related = ("training",)
    list_filter = ("subject", "status")
    search_fields = ("sha256__exact",)
    shown = (show.public_id("mod"), show.status("model"))
    inlines = (PromotionsOfModel,)


@admin.register(TrainingRun)
class TrainingRunAdmin(BackofficeAdmin):
    menu, menu_order, icon = MenuGroup.RISK, 80, "fitness_center"
    list_display = (
        "__str__",
        show.status("job"),
        "step",
        show.linked("requested_by", _("requested by")),
        show.moment("created_at", _("requested")),
        show.moment("finished_at", _("finished")),
    )
    list_select_related = ("requested_by",)
    list_filter = ("subject", "status")
    shown = (show.status("job"),)


@admin.register(ModelPromotion)
class ModelPromotionAdmin(BackofficeAdmin):
    menu, menu_order, icon = MenuGroup.RISK, 90, "military_tech"
    list_display = (
        show.moment("promoted_at", _("promoted")),
        show.linked("model", _("model")),
        show.linked("requested_by", _("requested by")),
        show.linked("approver", _("approver")),
        show.moment("ended_at", _("ended")),
    )
    list_select_related = ("model", "requested_by", "approver")


@admin.register(ShadowScore)
class ShadowScoreAdmin(BackofficeAdmin):
    menu, menu_order, icon = MenuGroup.RISK, 100, "contrast"
    list_display = (
        show.moment("created_at", _("when")),
        show.reference("decision", "decision_id", _("decision")),
        show.linked("model", _("model")),
        show.score(),
    )
    list_select_related = ("model",)
    list_filter = (MadeFilter,)
    shown = (show.reference("decision", "decision_id", _("decision")),)


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
