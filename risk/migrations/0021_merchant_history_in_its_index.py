"""Let the indexes of a merchant's labels carry what history counts of them, as those of its orders do."""

from django.db import migrations, models

from core.reindexing import CarryInIndex, vacuum_after


class Migration(migrations.Migration):
    atomic = False  # the indexes are made beside the traffic

    dependencies = [("risk", "0020_appeal_labels")]

    operations = [
        CarryInIndex(
            "label",
            models.Index(
                fields=["merchant_id", "known_at"],
                name="label_of_merchant",
                include=["subject_kind", "superseded_at", "is_bad"],
            ),
        ),
        CarryInIndex(
            "label",
            models.Index(
                fields=["merchant_id", "subject_occurred_at"],
                name="outcome_of_merchant",
                include=["subject_kind", "known_at", "superseded_at", "is_bad"],
            ),
        ),
        vacuum_after("risk_label", 0.02),
    ]
