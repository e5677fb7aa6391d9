"""Trainings, model versions and what is known of them in the admin."""

from django.contrib import admin
from django.utils.translation import gettext_lazy as _

from core import admin_shown as show
from core.admin_base import BackofficeAdmin, MadeFilter, RelatedRows
from core.admin_menu import MenuGroup
from risk.models import (
    ModelComparison,
    ModelHealth,
    ModelPromotion,
    ModelReport,
    ModelVersion,
    ShadowScore,
    TrainingRun,
    TuningTrial,
)


class PromotionsOfModel(RelatedRows):
    model = ModelPromotion
    columns = (
        show.linked("requested_by", _("requested by")),
        show.linked("approver", _("approver")),
        show.linked("comparison", _("comparison")),
        "promoted_at",
        "ended_at",
    )


class TrialsOfTraining(RelatedRows):
    model = TuningTrial
    columns = ("number", "state", "value", "seconds", "parameters")


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
        "code",
        "cause",
        show.linked("requested_by", _("requested by")),
        show.moment("created_at", _("requested")),
        show.moment("finished_at", _("finished")),
    )
    list_select_related = ("requested_by",)
    list_filter = ("subject", "status", "cause", "code")
    shown = (show.status("job"),)
    inlines = (TrialsOfTraining,)


@admin.register(TuningTrial)
class TuningTrialAdmin(BackofficeAdmin):
    menu, menu_order, icon = MenuGroup.RISK, 82, "tune"
    list_display = ("number", show.linked("run", _("training run")), "state", "value", "seconds")
    list_select_related = ("run",)
    list_filter = ("state",)


@admin.register(ModelReport)
class ModelReportAdmin(BackofficeAdmin):
    menu, menu_order, icon = MenuGroup.RISK, 72, "summarize"
    list_display = (show.linked("model", _("model")), show.moment("created_at", _("created")))
    list_select_related = ("model",)


@admin.register(ModelComparison)
class ModelComparisonAdmin(BackofficeAdmin):
    menu, menu_order, icon = MenuGroup.RISK, 74, "compare"
    list_display = (
        "__str__",
        show.linked("model", _("model")),
        show.linked("champion", _("champion")),
        show.status("job"),
        "passes",
        "rows",
        show.linked("requested_by", _("requested by")),
        show.moment("finished_at", _("finished")),
    )
    list_select_related = ("model", "champion", "requested_by")
    list_filter = ("status", "passes")
    search_fields = ("sha256__exact",)
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


@admin.register(ModelHealth)
class ModelHealthAdmin(BackofficeAdmin):
    menu, menu_order, icon = MenuGroup.RISK, 75, "monitor_heart"
    list_display = (
        show.linked("model", _("model version")),
        "day",
        "rows",
        "drift",
        show.moment("measured_at", _("measured")),
    )
    list_select_related = ("model",)
    list_filter = ("subject",)
