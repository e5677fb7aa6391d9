"""The history query reads the real tables through their indexes, never by scanning them."""

from datetime import UTC, datetime

import pytest
from django.db import connection

from risk.features.declarations import ORDER_FEATURES
from risk.features.online import Dialect, build_query
from tests.risk.volume import store_marketplace

SUBSELECTS = len({(feature.source, feature.entity) for feature in ORDER_FEATURES})


@pytest.mark.django_db
def test_history_is_searched_and_not_scanned() -> None:
    """Guards a bug: SQLite ignores a partial index whose condition reads NOT (x IS NULL)."""
    query = build_query(ORDER_FEATURES, Dialect(connection.vendor))
    values = query.bind(datetime(2024, 1, 1, tzinfo=UTC), {})
    with connection.cursor() as cursor:
        if query.dialect is Dialect.SQLITE:
            cursor.execute(f"EXPLAIN QUERY PLAN {query.sql}", values)
            searched = [step for *_, step in cursor.fetchall() if step.startswith("SEARCH")]
            assert len([step for step in searched if "=? AND" in step]) == SUBSELECTS
        else:
            store_marketplace()
            # Rollups are few here, and would be scanned.
            cursor.execute("SET LOCAL enable_seqscan = off; SET LOCAL plan_cache_mode = force_generic_plan")
            cursor.execute(query.prepare("guarded"))
            cursor.execute(f"EXPLAIN {query.execute('guarded')}", values)
            plan = "\n".join(step for (step,) in cursor.fetchall())
            cursor.execute("DEALLOCATE guarded")
            assert "Seq Scan" not in plan
            assert plan.count("_key = $") + plan.count("merchant_id = $") >= SUBSELECTS
