"""Let the index of a merchant's orders carry what history counts of them.

A merchant's orders lie all over the table: to read four hundred took four hundred pages, fifteen microseconds
each where PostgreSQL had to fetch them.
"""

from django.db import migrations, models

from core.reindexing import CarryInIndex, vacuum_after


class Migration(migrations.Migration):
    atomic = False  # the index is made beside the traffic

    dependencies = [("orders", "0005_statement_constraints")]

    operations = [
        CarryInIndex(
            "order",
            models.Index(
                fields=["merchant", "occurred_at"],
                name="order_of_merchant",
                include=[
                    "known_at",
                    "base_total_minor",
                    "buyer_key",
                    "card_key",
                    "card_country",
                    "shipping_country",
                ],
            ),
        ),
        vacuum_after("orders_order", 0.02),
    ]
