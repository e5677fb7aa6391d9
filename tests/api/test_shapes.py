"""Reading a request in one pass gives what DRF's own way gives."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rest_framework import serializers

from api.v1.fields import Shape, TextField
from api.v1.orders.incoming import OrderIn, PaymentEventIn, RefundIn, ShipmentIn

ORDER: dict[str, Any] = {
    "merchant": "mer_1hde595gt0h8v",
    "external_id": "2026-1",
    "currency": "CNY",
    "placed_at": "2026-11-26T08:00:00Z",
    "lines": [{"title": "Tea", "quantity": 2, "unit_price": "49.90"}],
    "buyer": {"id": "b-1", "email": "li@example.com", "ip": "203.0.113.7", "name": " Li Na "},
    "card": {"token": "tok_1", "country": "CN"},
    "shipping_country": "CN",
}
_TEXTS = st.sampled_from(
    [
        "",
        " ",
        "CNY",
        "XXX",
        "CN",
        "cn",
        " a ",
        "\x00",
        "\ud800",
        "茶",
        "a" * 300,
        "4111 1111 1111 1111",
        "12.34",
    ]
)
_VALUES = st.one_of(
    _TEXTS,
    st.none(),
    st.booleans(),
    st.integers(-2, 200_000),
    st.floats(allow_nan=False),
    st.just([]),
    st.just({}),
)


def _paths(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    found = [path] if path else []
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, inner in items:
        found += _paths(inner, (*path, key))
    return found


def _replaced(value: Any, path: tuple[Any, ...], new: Any) -> Any:
    if not path:
        return new
    copy = dict(value) if isinstance(value, dict) else list(value)
    copy[path[0]] = _replaced(value[path[0]], path[1:], new)
    return copy


def _read(shape: Shape, data: Any) -> Any:
    try:
        return shape.run_validation(data)
    except serializers.ValidationError as error:
        return error.get_full_details()


@pytest.fixture(scope="module")
def plain() -> Any:
    """Read as DRF does, at every level."""

    def read(shape: type[Shape], data: Any) -> Any:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(Shape, "run_validation", serializers.Serializer.run_validation)
            patch.setattr(TextField, "run_validation", serializers.CharField.run_validation)
            return _read(shape(), data)

    return read


@given(st.sampled_from([*_paths(ORDER), ("unknown",)]), _VALUES)
def test_an_order_is_read_as_drf_reads_it(plain: Any, path: tuple[Any, ...], value: Any) -> None:
    data = {**ORDER, "unknown": value} if path == ("unknown",) else _replaced(ORDER, path, value)
    assert _read(OrderIn(), data) == plain(OrderIn, data)


@pytest.mark.parametrize(
    ("shape", "data"),
    [
        (OrderIn, ORDER),
        (OrderIn, {}),
        (OrderIn, []),
        (RefundIn, {"reason": "other", "lines": [{"line": "lin_1hde595gt0h8v", "quantity": 1}]}),
        (ShipmentIn, {"carrier": "SF", "tracking_number": "1", "lines": {"lin_1hde595gt0h8v": 1}}),
        (PaymentEventIn, {"id": "1", "kind": "paid", "amount": "1.00", "refund": "ord_1"}),
    ],
    ids=["an order", "nothing", "no object", "a refund", "a shipment", "a payment"],
)
def test_every_shape_is_read_as_drf_reads_it(plain: Any, shape: type[Shape], data: Any) -> None:
    assert _read(shape(), data) == plain(shape, data)


def test_an_order_in_order_is_read_in_one_pass(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(serializers.Serializer, "run_validation", lambda *_: pytest.fail("read twice"))
    assert OrderIn().run_validation(ORDER)["buyer"]["name"] == "Li Na"
