"""A person who is forgotten is in no canonical table and no table of features, and a build brings nobody back."""

import duckdb
import pytest
from erasable import EMAIL, ID, OTHER_ID, PERSONAL
from erasable_account import ErasableAccount

from customer_features import Events, FeatureSet, build, counts, last_value, trait, unique_list

pytestmark = pytest.mark.usefixtures("fast_retries")
_ORDERS = Events("Order", name="orders")
_INVITES = Events("Invited", name="invites")
_FEATURES = FeatureSet(
    "told", counts(_ORDERS, ["lifetime"]), last_value(_ORDERS, "note"), trait("firstName"), unique_list(_INVITES, "to")
)


def _built(account: ErasableAccount) -> None:
    assert account.invoke("tables", "build", "--database", str(account.database)).exit_code == 0
    with build(_FEATURES, cutoffs=["now"], on=account.database) as data:
        data.table()


def test_nothing_is_left_in_tables_that_were_made_of_it(account: ErasableAccount) -> None:
    # given a person in the canonical tables and in features
    _drop_derived(account)
    _built(account)
    told = account.query("SELECT customer_id, orders_note_last FROM customer_features.features_told")
    assert (ID, PERSONAL["property"]) in told
    ((invited,),) = account.query("SELECT invites_to_lifetime_list[1] FROM customer_features.features_told "
                                  f"WHERE customer_id = '{OTHER_ID}'")  # fmt: skip
    assert EMAIL in invited
    # when they are forgotten
    outcome = account.forget("--email", EMAIL)
    # then they are in no file
    assert {"customer_tables.customers", "customer_features.features_told"} <= outcome["erased"].keys()
    assert account.left() == {}
    # nor after the next build, which leaves the others as they were
    _built(account)
    assert account.left() == {}
    assert [row[0] for row in account.query("SELECT customer_id FROM customer_features.features_told")] == [OTHER_ID]
    assert account.invoke("tables", "check", "--database", str(account.database)).exit_code == 0


def _drop_derived(account: ErasableAccount) -> None:
    """The account has tables of the same names that others made."""
    with duckdb.connect(str(account.database)) as connection:
        connection.execute("DROP SCHEMA customer_tables CASCADE")
