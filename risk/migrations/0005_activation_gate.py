"""Approvals copy what they rest on, and the database compares; promotions copy what was promoted."""

import datetime

import django.db.models.deletion
from django.db import migrations, models
from django.db.models import F, OuterRef, Q, Subquery

FRESH_FOR = datetime.timedelta(days=7)


def fill_in(apps, schema_editor):
    """Say of earlier rows what they could not say: approved when activated, and which file was promoted."""
    activation = apps.get_model("risk", "Activation")
    activation.objects.filter(approved_at=None).update(approved_at=F("activated_at"))
    model = apps.get_model("risk", "ModelVersion").objects.filter(pk=OuterRef("model_id"))
    apps.get_model("risk", "ModelPromotion").objects.update(sha256=Subquery(model.values("sha256")[:1]))


class Migration(migrations.Migration):
    dependencies = [("risk", "0004_outcome_moments")]

    operations = [
        migrations.RemoveConstraint("activation", "activation_has_second_person"),
        migrations.RemoveIndex("rulesnooze", "snooze_by_end"),
        migrations.AddField(
            "activation",
            "returns_to",
            models.ForeignKey(
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to="risk.activation",
            ),
        ),
        migrations.AddField("activation", "withdrawn_at", models.DateTimeField(null=True)),
        migrations.AddField(
            "modelpromotion", "sha256", models.CharField(default="", max_length=64), preserve_default=False
        ),
        migrations.RunPython(fill_in, migrations.RunPython.noop),
        migrations.AlterField("activation", "approved_at", models.DateTimeField()),
        migrations.AddIndex(
            "listentry",
            models.Index(
                condition=Q(removed_in__isnull=False),
                fields=["list", "removed_in"],
                name="list_entry_by_removal",
            ),
        ),
        migrations.AddIndex(
            "rulesnooze", models.Index(condition=Q(ended_at=None), fields=["until"], name="snooze_standing")
        ),
        migrations.AddConstraint(
            "activation",
            models.UniqueConstraint(
                condition=Q(activated_at=None, withdrawn_at=None),
                fields=("ruleset",),
                name="one_standing_approval_per_ruleset",
            ),
        ),
        migrations.AddConstraint(
            "activation",
            models.CheckConstraint(
                condition=~Q(author=F("approver")) & (Q(last_editor=None) | ~Q(last_editor=F("approver"))),
                name="activation_has_second_person",
            ),
        ),
        migrations.AddConstraint(
            "activation",
            models.CheckConstraint(
                condition=Q(backtest=None) | Q(backtest_hash=F("ruleset_hash")),
                name="activation_is_of_what_was_backtested",
            ),
        ),
        migrations.AddConstraint(
            "activation",
            models.CheckConstraint(
                condition=Q(backtest=None)
                | Q(backtest_finished_at__lte=F("approved_at"))
                & (
                    Q(returns_to__isnull=False)
                    | Q(backtest_finished_at__gte=F("approved_at") - FRESH_FOR)
                ),
                name="activation_rests_on_fresh_backtest",
            ),
        ),
        migrations.AddConstraint(
            "activation",
            models.CheckConstraint(
                condition=Q(activated_at=None) | Q(withdrawn_at=None), name="activation_ends_one_way"
            ),
        ),
    ]
