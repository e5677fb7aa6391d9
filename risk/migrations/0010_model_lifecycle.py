"""Several models a training, with reports, comparisons and trials; promotions name the comparison they rest on.

Altering a table on SQLite rebuilds it, which drops its triggers, and a trigger that names a table that is
being rebuilt stands in its way: the guards of models come down here, and the next migration puts them up.
"""

import datetime
import importlib

import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models
from django.db.models import F, OuterRef, Q, Subquery
from django.utils import timezone

import core.fields

FRESH_FOR = datetime.timedelta(days=7)
MODEL_GUARDS = importlib.import_module("risk.migrations.0006_activation_triggers").MODEL_GUARDS


def take_down(apps, schema_editor):
    for guard in MODEL_GUARDS:
        for statement in guard.drop(schema_editor.connection.vendor):
            schema_editor.execute(statement, params=None)


def put_up(apps, schema_editor):
    for guard in MODEL_GUARDS:
        for statement in guard.create(schema_editor.connection.vendor):
            schema_editor.execute(statement, params=None)


def fill_in(apps, schema_editor):
    """Say of earlier rows what they could not say, and end promotions whose model is champion no more."""
    promotion = apps.get_model("risk", "ModelPromotion")
    model = apps.get_model("risk", "ModelVersion").objects.filter(pk=OuterRef("model_id"))
    promotion.objects.update(subject=Subquery(model.values("subject")[:1]))
    over = promotion.objects.filter(ended_at=None).exclude(model__status="champion")
    promotion.objects.filter(pk__in=list(over.values_list("pk", flat=True))).update(ended_at=timezone.now())
    # Whatever no person asked for was the weekly training until now.
    apps.get_model("risk", "TrainingRun").objects.filter(requested_by=None).update(cause="weekly")


class Migration(migrations.Migration):
    dependencies = [
        ("risk", "0009_rollups_with_more_sizes"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.RunPython(take_down, put_up),
        migrations.CreateModel(
            name="ModelReport",
            fields=[
                ("model", models.OneToOneField(on_delete=django.db.models.deletion.CASCADE, primary_key=True, related_name="report", serialize=False, to="risk.modelversion")),
                ("data", models.JSONField()),
                ("created_at", models.DateTimeField(auto_now_add=True)),
            ],
            options={"verbose_name": "model report", "verbose_name_plural": "model reports"},
        ),
        migrations.CreateModel(
            name="TuningTrial",
            fields=[
                ("id", core.fields.TimeOrderedIdField(serialize=False)),
                ("number", models.PositiveIntegerField()),
                ("parameters", models.JSONField(default=dict)),
                ("value", models.FloatField(null=True)),
                ("state", models.CharField(max_length=16)),
                ("seconds", models.FloatField(default=0)),
                ("created_at", models.DateTimeField(auto_now_add=True)),
                ("run", models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name="trials", to="risk.trainingrun")),
            ],
            options={
                "verbose_name": "tuning trial",
                "verbose_name_plural": "tuning trials",
                "constraints": [models.UniqueConstraint(fields=("run", "number"), name="one_tuning_trial_per_number")],
            },
        ),
        migrations.AddField("trainingrun", "attempt", models.PositiveSmallIntegerField(default=0)),
        migrations.AddField("trainingrun", "cancel_requested_at", models.DateTimeField(blank=True, null=True)),
        migrations.AddField(
            "trainingrun",
            "cause",
            models.CharField(
                choices=[("person", "A person asked"), ("weekly", "Weekly"), ("drift", "Inputs or scores drifted")],
                default="person",
                max_length=8,
            ),
        ),
        migrations.AddField("trainingrun", "heartbeat_at", models.DateTimeField(blank=True, null=True)),
        migrations.AddField("trainingrun", "maturity_days", models.PositiveSmallIntegerField(default=0)),
        migrations.AddField("trainingrun", "tuning_seconds", models.PositiveIntegerField(default=0)),
        migrations.AlterField(
            "trainingrun",
            "status",
            models.CharField(
                choices=[("queued", "Queued"), ("running", "Running"), ("finished", "Finished"), ("failed", "Failed"), ("cancelled", "Cancelled")],
                default="queued",
                max_length=12,
            ),
        ),
        migrations.AlterField("modelversion", "kind", models.CharField(max_length=20)),
        migrations.AlterField(
            "modelversion",
            "training",
            models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name="versions", to="risk.trainingrun"),
        ),
        migrations.CreateModel(
            name="ModelComparison",
            fields=[
                ("id", core.fields.TimeOrderedIdField(serialize=False)),
                ("sha256", models.CharField(max_length=64)),
                ("champion_sha256", models.CharField(blank=True, max_length=64)),
                ("baseline_sha256", models.CharField(blank=True, max_length=64)),
                ("status", models.CharField(choices=[("queued", "Queued"), ("running", "Running"), ("finished", "Finished"), ("failed", "Failed")], default="queued", max_length=12)),
                ("as_of", models.DateTimeField()),
                ("rows", models.PositiveIntegerField(default=0)),
                ("since", models.DateTimeField(blank=True, null=True)),
                ("until", models.DateTimeField(blank=True, null=True)),
                ("result", models.JSONField(blank=True, null=True)),
                ("passes", models.BooleanField(null=True)),
                ("reasons", models.JSONField(default=list)),
                ("message", models.TextField(blank=True)),
                ("created_at", models.DateTimeField(auto_now_add=True)),
                ("heartbeat_at", models.DateTimeField(blank=True, null=True)),
                ("finished_at", models.DateTimeField(blank=True, null=True)),
                ("champion", models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name="+", to="risk.modelversion")),
                ("model", models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name="comparisons", to="risk.modelversion")),
                ("requested_by", models.ForeignKey(null=True, on_delete=django.db.models.deletion.PROTECT, related_name="+", to=settings.AUTH_USER_MODEL)),
            ],
            options={
                "verbose_name": "model comparison",
                "verbose_name_plural": "model comparisons",
                "constraints": [
                    models.CheckConstraint(
                        condition=~Q(status="finished") | Q(result__isnull=False, passes__isnull=False, finished_at__isnull=False),
                        name="finished_comparison_has_result",
                    ),
                    models.CheckConstraint(
                        condition=~Q(passes=True) | Q(reasons=[]), name="passing_comparison_has_no_reasons"
                    ),
                ],
            },
        ),
        migrations.AddField("modelpromotion", "champion_sha256", models.CharField(blank=True, default="", max_length=64), preserve_default=False),
        migrations.AddField("modelpromotion", "compared_at", models.DateTimeField(null=True)),
        migrations.AddField(
            "modelpromotion",
            "comparison",
            models.ForeignKey(null=True, on_delete=django.db.models.deletion.PROTECT, related_name="promotions", to="risk.modelcomparison"),
        ),
        migrations.AddField(
            "modelpromotion",
            "returns_to",
            models.ForeignKey(null=True, on_delete=django.db.models.deletion.PROTECT, related_name="+", to="risk.modelpromotion"),
        ),
        migrations.AddField(
            "modelpromotion",
            "subject",
            models.CharField(
                choices=[("order", "Order"), ("listing", "Listing"), ("application", "Application"), ("merchant", "Merchant account")],
                default="",
                max_length=16,
            ),
            preserve_default=False,
        ),
        migrations.RunPython(fill_in, migrations.RunPython.noop),
        migrations.AddConstraint(
            "modelpromotion",
            models.UniqueConstraint(
                condition=Q(ended_at=None), fields=("subject",), name="one_standing_promotion_per_subject"
            ),
        ),
        migrations.AddConstraint(
            "modelpromotion",
            models.CheckConstraint(
                condition=Q(comparison=None)
                | Q(compared_at__lte=F("promoted_at"))
                & (Q(returns_to__isnull=False) | Q(compared_at__gte=F("promoted_at") - FRESH_FOR)),
                name="promotion_rests_on_fresh_comparison",
            ),
        ),
    ]
