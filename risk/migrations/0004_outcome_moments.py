"""Tell each label of an order when its order was placed, in batches of label ids."""

from django.db import migrations

_BATCH = 20_000


def fill(apps, schema_editor):
    Label = apps.get_model("risk", "Label")
    Order = apps.get_model("orders", "Order")
    unknown = Label.objects.filter(subject_kind="order", subject_occurred_at=None).order_by("pk")
    last = -1
    while batch := list(unknown.filter(pk__gt=last).values_list("pk", "subject_id")[:_BATCH]):
        last = batch[-1][0]
        placed = dict(
            Order.objects.filter(pk__in={id for _, id in batch}).values_list("pk", "occurred_at")
        )
        rows = [Label(pk=pk, subject_occurred_at=placed[id]) for pk, id in batch if id in placed]
        Label.objects.bulk_update(rows, ["subject_occurred_at"], batch_size=1_000)


class Migration(migrations.Migration):
    atomic = False  # each batch commits: a table of millions is not locked for as long as all take

    dependencies = [("risk", "0003_rollups"), ("orders", "0001_initial")]

    operations = [migrations.RunPython(fill, migrations.RunPython.noop)]
