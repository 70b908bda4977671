"""The canonical tables of customers, whichever platform they come from.

    import customer_tables

    customer_tables.build("customers.duckdb")

fills the schema `customer_tables` beside what was loaded. `docs/customer_tables.md` says what is in it.
"""

from customer_tables.session import BuildResult, NothingLoadedError, build

__all__ = ["BuildResult", "NothingLoadedError", "build"]
