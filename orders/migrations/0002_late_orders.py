"""Index the orders that became known long after they were placed, for the rollups of velocity features.

A rollup that moves its watermark asks which late orders became known since: few rows, which these partial
indexes keep apart from the many that arrive on time. The difference of two moments is immutable on PostgreSQL,
their sum with an interval is not. SQLite has no rollups and needs no index. Built beside the traffic.
"""

from django.db import migrations

_COLUMNS = {
    "buyer": "buyer_key",
    "device": "device_key",
    "card": "card_key",
    "address": "address_key",
    "ip": "ip_key",
    "merchant": "merchant_id",
}


def create(apps, schema_editor):
    if schema_editor.connection.vendor != "postgresql":
        return
    for entity, column in _COLUMNS.items():
        schema_editor.execute(
            f"CREATE INDEX CONCURRENTLY IF NOT EXISTS order_late_of_{entity} ON orders_order ({column}, known_at)"
            f" WHERE known_at - occurred_at > interval '2 minutes' AND {column} IS NOT NULL"
        )


def drop(apps, schema_editor):
    if schema_editor.connection.vendor != "postgresql":
        return
    for entity in _COLUMNS:
        schema_editor.execute(f"DROP INDEX CONCURRENTLY IF EXISTS order_late_of_{entity}")


class Migration(migrations.Migration):
    atomic = False  # an index cannot be built concurrently inside a transaction

    dependencies = [("orders", "0001_initial")]

    operations = [migrations.RunPython(create, drop)]
