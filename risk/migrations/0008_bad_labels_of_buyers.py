"""A small index of the labels that link features look for: bad ones, by buyer."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("risk", "0007_explanation_parts")]

    operations = [
        migrations.AddIndex(
            model_name="label",
            index=models.Index(
                fields=["buyer_key", "known_at"], name="bad_label_of_buyer", condition=models.Q(is_bad=True)
            ),
        ),
    ]
