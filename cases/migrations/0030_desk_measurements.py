"""What leads look at: spans of time over cases and verdicts have their index, and the past is measured."""

from django.db import migrations, models

import core.fields


class Migration(migrations.Migration):
    dependencies = [("cases", "0021_bulk_guards")]

    operations = [
        migrations.CreateModel(
            name="DeskMeasurement",
            fields=[
                ("id", core.fields.TimeOrderedIdField(serialize=False)),
                ("measured_at", models.DateTimeField()),
                ("since", models.DateTimeField()),
                ("content", models.JSONField()),
            ],
            options={
                "verbose_name": "desk measurement",
                "verbose_name_plural": "desk measurements",
            },
        ),
        migrations.AddIndex(
            model_name="reviewcase",
            index=models.Index(
                condition=models.Q(("status", "queued"), ("touched_at__isnull", True)),
                fields=["queue", "first_touch_due_at"],
                name="case_first_touch",
            ),
        ),
        migrations.AddIndex(
            model_name="reviewcase",
            index=models.Index(fields=["created_at"], name="case_opened"),
        ),
        migrations.AddIndex(
            model_name="reviewcase",
            index=models.Index(
                condition=models.Q(("resolved_at__isnull", False)),
                fields=["resolved_at"],
                name="case_resolved",
            ),
        ),
        migrations.AddIndex(
            model_name="verdict",
            index=models.Index(fields=["created_at"], name="verdict_given"),
        ),
        migrations.AddIndex(
            model_name="deskmeasurement",
            index=models.Index(fields=["measured_at"], name="desk_measured"),
        ),
    ]
