"""Order lines: a row each, whatever the properties look like."""

import json
from typing import Any

import pytest
from raw_customers import RawCustomers, event

_ITEMS = "SELECT line_number, sku, name, category, quantity, price FROM customer_tables.customer_order_items ORDER BY 1"


def _lines(raw: RawCustomers, properties: Any) -> list[tuple[Any, ...]]:
    raw.load(events=[event("order", 1, customer_id="p", properties=json.dumps(properties))])
    raw.build()
    return raw.rows(_ITEMS)


def test_each_product_is_a_row(raw: RawCustomers) -> None:
    products = [
        {"sku": "A", "name": "Tea", "category": "Drinks", "quantity": 2, "price": 3.5},
        {"product_id": 7, "quantity": "2", "price": "4.25"},
        {"sku": "C"},
    ]
    assert _lines(raw, {"products": products}) == [
        (1, "A", "Tea", "Drinks", 2.0, 3.5), (2, "7", None, None, 2.0, 4.25), (3, "C", None, None, 1.0, None),
    ]  # fmt: skip
    ((customer, name, same),) = raw.rows(
        "SELECT DISTINCT i.customer_id, i.event_name, i.known_at = e.known_at AND i.event_at = e.event_at "
        "FROM customer_tables.customer_order_items i JOIN customer_tables.customer_events e USING (event_id)"
    )
    assert (customer, name, same) == ("p", "Order Completed", True)


@pytest.mark.parametrize(
    "properties",
    [
        None,
        3,
        "products",
        [],
        {},
        {"products": None},
        {"products": []},
        {"products": {"sku": "A"}},
        [{"products": [1]}],
    ],
)
def test_properties_without_a_list_of_products_have_no_line(raw: RawCustomers, properties: Any) -> None:
    assert _lines(raw, properties) == []
    assert raw.rows("SELECT properties FROM customer_tables.customer_events") == [(json.dumps(properties),)]


@pytest.mark.parametrize(
    ("product", "quantity", "price"),
    [
        ({"quantity": None, "price": None}, 1.0, None),
        ({"quantity": "many", "price": "4,50"}, None, None),
        ({"quantity": [1], "price": {"GBP": 1}}, None, None),
        ({"quantity": True, "price": "NaN"}, None, None),
        ({"quantity": "inf", "price": "1e400"}, None, None),
        ({"quantity": -1, "price": 0}, -1.0, 0.0),
        ("just text", None, None),
        (None, None, None),
    ],
)
def test_what_cannot_be_read_is_null(
    raw: RawCustomers, product: Any, quantity: float | None, price: float | None
) -> None:
    assert _lines(raw, {"products": [product]}) == [(1, None, None, None, quantity, price)]


def test_a_key_that_is_spelled_with_escapes_is_found(raw: RawCustomers) -> None:
    raw.load(events=[event("order", 1, properties='{"\\u0070roducts": [{"sku": "A"}]}')])
    raw.build()
    assert len(raw.rows(_ITEMS)) == 1
