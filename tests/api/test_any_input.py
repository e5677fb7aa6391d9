"""Whatever a partner sends, the answer is a refusal it can read, never a failure of ours."""

from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from core.ids import encode
from tests.api.calls import problem
from tests.api.conftest import Market
from tests.api.test_applications import body as application_body
from tests.api.test_listings import content as listing_content
from tests.api.test_orders import body as order_body
from tests.make import make_listing

pytestmark = pytest.mark.django_db
ANYTHING = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**70), 2**70)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=30)
    | st.sampled_from(
        ["12.30", "CNY", "CN", "2026-03-02T12:00:00Z", "mer_1hcymj6t34000", "lin_zzzzzzzzzzzzz"]
    ),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)
# One example is one request with its queries; the database is rolled back with the test, not in between.
quick = settings(
    max_examples=60,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)


def mutated(content: dict[str, Any], name: str, value: Any) -> dict[str, Any]:
    """Return the content with one field replaced, "a/b" inside an object, "a/0/b" inside a list."""
    head, _, rest = name.partition("/")
    if not rest:
        return content | {head: value}
    inner = content[head]
    if isinstance(inner, list):
        return content | {head: [mutated(inner[0], rest.partition("/")[2], value)]}
    return content | {head: mutated(inner, rest, value)}


@quick
@given(
    name=st.sampled_from(
        [
            *("merchant", "external_id", "currency", "placed_at", "fx_rate", "card/token"),
            *("lines", "lines/0/quantity", "lines/0/unit_price"),
            *("buyer", "buyer/id", "buyer/signed_up_at", "buyer/ip"),
        ]
    ),
    value=ANYTHING,
)
def test_no_order_breaks_the_service(market: Market, name: str, value: Any) -> None:
    content = mutated(order_body(market.merchant), name, value)
    answer = market.operator.post("orders?wait=false", content)
    if answer.status_code != 202:
        assert problem(answer)[0] in {400, 404, 409, 422}, (content, answer.content)


@quick
@given(name=st.sampled_from([*application_body(), "documents/0/content", "documents/0/kind"]), value=ANYTHING)
def test_no_application_breaks_the_service(market: Market, name: str, value: Any) -> None:
    content = mutated(application_body(), name, value)
    answer = market.operator.post("applications?wait=false", content)
    if answer.status_code != 202:
        assert problem(answer)[0] in {400, 422}, (content, answer.content)


@quick
@given(name=st.sampled_from([*listing_content(), "price/amount", "price/currency"]), value=ANYTHING)
def test_no_revision_breaks_the_service(market: Market, name: str, value: Any) -> None:
    listing = make_listing(market.merchant)
    content = mutated(listing_content(submit=False), name, value)
    answer = market.operator.post(f"listings/{encode('lst', listing.pk)}/revisions", content)
    if answer.status_code not in {201, 202}:
        assert problem(answer)[0] in {400, 409, 422}, (content, answer.content)


@quick
@given(name=st.sampled_from(["limit", "cursor", "filter[status]", "filter[created_at][gte]"]), text=st.text())
def test_no_query_breaks_a_list(market: Market, name: str, text: str) -> None:
    answer = market.seller.get("orders", {name: text.encode("utf-8", "replace").decode()})
    if answer.status_code != 200:
        assert problem(answer)[0] == 422, (text, answer.content)
