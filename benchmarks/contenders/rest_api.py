"""dlt's own declarative source for REST APIs, as its documentation begins, and tuned by somebody who knows dlt.

Both page through the whole account by `from`, which the platform allows up to 10,000 results only: they need the cap
lifted. Both merge by the event's identifier, so that loading again doubles nothing.
"""

import os
import sys

import dlt
from dlt.extract import DltSource
from dlt.sources.rest_api import rest_api_source
from dlt.sources.rest_api.typing import RESTAPIConfig

TUNING = {
    "DATA_WRITER__BUFFER_MAX_ITEMS": "50000",
    "NORMALIZE__DATA_WRITER__FILE_MAX_ITEMS": "100000",
    "EXTRACT__DATA_WRITER__FILE_MAX_ITEMS": "50000",
    "NORMALIZE__WORKERS": "2",
    "DATA_WRITER__DISABLE_COMPRESSION": "true",
}
"""Larger buffers, files small enough for two processes to normalize them, and nothing compressed on the way."""


def source(url: str, token: str) -> DltSource:
    """The account's events, oldest first, 100 a page."""
    base, _, path = url.rpartition("/")
    config: RESTAPIConfig = {
        "client": {
            "base_url": base,
            "headers": {"auth-token": token, "content-type": "application/json"},
            "paginator": {
                "type": "offset",
                "limit": 100,
                "offset_param": "from",
                "limit_param": "size",
                "total_path": None,
            },
        },
        "resources": [
            {
                "name": "events",
                "primary_key": "eventId",
                "write_disposition": "merge",
                "endpoint": {"path": path, "params": {"sort": "asc"}, "data_selector": "data"},
            }
        ],
    }
    return rest_api_source(config)


def tuned(url: str, token: str) -> DltSource:
    """The same with nested objects kept as JSON instead of a column a key, and merged by upsert."""
    found = source(url, token)
    found.max_table_nesting = 0
    found.resources["events"].apply_hints(write_disposition={"disposition": "merge", "strategy": "upsert"})
    return found


def main(kind: str, url: str, token: str, database: str) -> None:
    """Load the events into the dataset `rest` of the DuckDB file."""
    pipeline = dlt.pipeline("rest", destination=dlt.destinations.duckdb(database), dataset_name="rest")
    if kind == "tuned":
        os.environ.update(TUNING)
        pipeline.run(tuned(url, token), loader_file_format="parquet")
    else:
        pipeline.run(source(url, token))


if __name__ == "__main__":
    main(*sys.argv[1:])
