"""One more size of buckets: rollups made without it would answer with nothing where it is read."""

from django.db import migrations


def drop_rollups(apps, schema_editor):
    """Let the worker make them anew; until it has, the statement counts the events themselves."""
    for name in ("RollupBucket", "RollupPair", "Rollup"):
        model = apps.get_model("risk", name)
        model.objects.using(schema_editor.connection.alias).all().delete()


class Migration(migrations.Migration):
    dependencies = [("risk", "0021_merchant_history_in_its_index")]

    # Going back, buckets of eight days would stay and be read by nobody: dropped as well.
    operations = [migrations.RunPython(drop_rollups, drop_rollups)]
