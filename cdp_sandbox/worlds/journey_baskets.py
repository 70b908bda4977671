"""The baskets of The Complete Journey: transaction lines grouped by basket, and an order's properties as JSON text.

Money is in dollars, to the cent: `sales_value` is what the retailer receives for a line, loyalty discount taken off,
manufacturers' coupons not (the package's documentation of `transactions`). An order's `total` and `revenue` are both
the sum of it. `price` is `sales_value` over `quantity`, rounded to four decimals since fuel is counted in thousandths
of a gallon; a quantity of 0 counts as 1.
"""

import json

import numpy as np
import pandas as pd

from cdp_sandbox.world import Json
from cdp_sandbox.worlds.journey_tables import Cents, Ints, Tables, whole_millis

_PRODUCT_KEYS = {
    "product_type": "name",
    "product_category": "category",
    "department": "department",
    "brand": "brand",
    "package_size": "package_size",
}
_DISCOUNTS = {
    "retail_disc": "discount",
    "coupon_disc": "coupon_discount",
    "coupon_match_disc": "coupon_match_discount",
}
_ENCODER = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"))


def json_text(value: Json) -> str:
    """The object as compact JSON, letters beyond ASCII as they are."""
    return _ENCODER.encode(value)


def _coded(column: "pd.Series[str]") -> tuple[Ints, list[str]]:
    """A column of text as indices into its distinct values; -1 where it is missing."""
    codes, names = pd.factorize(column)
    return codes.astype(np.int64), [str(name) for name in names]


class Baskets:
    """All baskets, one element each, by basket number; `time` in milliseconds, `cents` the sum of `sales_value`.

    `department` is an index into `departments`: where the basket spent most.
    """

    def __init__(self, tables: Tables) -> None:
        lines = tables.transactions
        by_basket = np.argsort(lines["basket_id"].to_numpy(), kind="stable")

        def column(name: str) -> Cents:
            return lines[name].to_numpy()[by_basket]

        basket = lines["basket_id"].to_numpy()[by_basket]
        first = np.flatnonzero(np.concatenate([[True], basket[1:] != basket[:-1]]))
        self.first_line = np.append(first, len(basket))
        self.basket_id: Ints = basket[first]
        self.household = column("household_id")[first].astype(np.int64)
        self.store = column("store_id")[first]
        self.week = column("week")[first]
        self.time = whole_millis(lines["transaction_timestamp"].iloc[by_basket[first]])
        self._quantity = column("quantity")
        self._line_cents = column("sales_value")
        self._line_discounts = [column(name) for name in _DISCOUNTS]
        self.cents: Ints = np.add.reduceat(self._line_cents, first, dtype=np.int64)
        self._discounts = [np.add.reduceat(cents, first, dtype=np.int64) for cents in self._line_discounts]

        products = tables.products.sort_values("product_id", ignore_index=True)
        self._known_ids = products["product_id"].to_numpy().astype(np.int32)
        self._product_id = column("product_id")
        self._written: dict[int, str] = {}
        self._described = [(key, *_coded(products[name])) for name, key in _PRODUCT_KEYS.items()]
        self.departments, self.department = self._main_departments(*_coded(products["department"]))

    def __len__(self) -> int:
        return len(self.basket_id)

    def _main_departments(self, codes: Ints, names: list[str]) -> tuple[list[str], Ints]:
        """Where each basket spent most; a product that the package does not describe is of an unknown department."""
        unknown = len(names)
        place = np.minimum(np.searchsorted(self._known_ids, self._product_id), len(codes) - 1)
        of_line = np.where(self._known_ids[place] == self._product_id, codes[place], unknown)
        of_basket = np.repeat(np.arange(len(self)), np.diff(self.first_line))
        cells = len(self) * (unknown + 1)
        spent = np.bincount(of_basket * (unknown + 1) + of_line, weights=self._line_cents, minlength=cells)
        return [*names, "UNKNOWN"], spent.reshape(len(self), -1).argmax(axis=1)

    def _describe(self, product_id: int) -> str:
        """The product's keys as the opening of a JSON object; only its number when the package does not describe it."""
        described: Json = {"product_id": str(product_id), "sku": str(product_id)}
        place = int(np.searchsorted(self._known_ids, np.int32(product_id)))
        if place < len(self._known_ids) and self._known_ids[place] == product_id:
            coded = ((key, int(codes[place]), names) for key, codes, names in self._described)
            described |= {key: names[code] for key, code, names in coded if code >= 0}
        text = self._written[product_id] = json_text(described)[:-1]
        return text

    def properties_text(self, basket: int) -> str:
        """The properties of the basket's `Order Completed`, as JSON."""
        lines = slice(int(self.first_line[basket]), int(self.first_line[basket + 1]))
        columns = (self._product_id, self._quantity, self._line_cents, *self._line_discounts)
        rows = zip(*(column[lines].tolist() for column in columns), strict=True)
        written = self._written
        products = []
        for product, quantity, cents, retail, coupon, match in rows:
            text = written.get(product) or self._describe(product)
            paid = str(cents / 100)
            price = paid if quantity < 2 else round(cents / quantity / 100, 4)
            text += f',"quantity":{quantity},"price":{price},"sales_value":{paid}'
            if retail:
                text += f',"discount":{retail / 100}'
            if coupon:
                text += f',"coupon_discount":{coupon / 100}'
            if match:
                text += f',"coupon_match_discount":{match / 100}'
            products.append(text + "}")
        revenue = int(self.cents[basket]) / 100
        order: Json = {"order_id": str(self.basket_id[basket]), "total": revenue, "revenue": revenue, "currency": "USD"}
        for key, sums in zip(_DISCOUNTS.values(), self._discounts, strict=True):
            order[key] = int(sums[basket]) / 100
        order |= {"store_id": str(self.store[basket]), "week": int(self.week[basket])}
        return f'{json_text(order)[:-1]},"products":[{",".join(products)}]}}'
