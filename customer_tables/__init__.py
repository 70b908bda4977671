"""The canonical tables of customers, whichever platform they come from.

    import customer_tables

    customer_tables.build("customers.duckdb")
    customer_tables.check("customers.duckdb")

The first fills the schema `customer_tables` beside what was loaded with what is new in it, the second says what is not
as it should be. `docs/customer_tables.md` says what is in it.
"""

from customer_tables.checks import Finding
from customer_tables.errors import NothingLoadedError, TablesError, UnsupportedPlaceError
from customer_tables.session import BuildResult, build, check

__all__ = ["BuildResult", "Finding", "NothingLoadedError", "TablesError", "UnsupportedPlaceError", "build", "check"]
