"""Two more sizes of buckets: rollups made without them would answer with nothing where they are read."""

from django.db import migrations


def drop_rollups(apps, schema_editor):
    """Let the worker make them anew; until it has, the statement counts the events themselves."""
    for name in ("RollupBucket", "RollupPair", "Rollup"):
        model = apps.get_model("risk", name)
        model.objects.using(schema_editor.connection.alias).all().delete()


class Migration(migrations.Migration):
    dependencies = [("risk", "0008_bad_labels_of_buyers")]

    # Going back, the present sizes would be read by code that knows three of them: dropped as well.
    operations = [migrations.RunPython(drop_rollups, drop_rollups)]
