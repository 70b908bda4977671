"""The floor: fetch, parse, insert, and nothing else, written by hand for this one world.

It knows what no loader may know: that all events lie in 2024, that the cap on results is lifted, that no request
fails and no event comes twice. It keeps nothing to go on from, and it never looks again.
"""

import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime, timedelta

import duckdb
import msgspec
import pyarrow as pa
import urllib3

_THREADS = 2
_PAGE = 100
_DAYS = [date(2024, 1, 1) + timedelta(days=number) for number in range(366)]
_ROWS = 50_000


class _Rest(msgspec.Struct, rename="camel"):
    timestamp: msgspec.Raw
    user_id: msgspec.Raw | msgspec.UnsetType = msgspec.UNSET
    anonymous_id: msgspec.Raw | msgspec.UnsetType = msgspec.UNSET


class _RawData(_Rest, kw_only=True):
    event: str
    action: str
    properties: msgspec.Raw
    context: msgspec.Raw


class _Extra(msgspec.Struct, rename="camel"):
    raw_data: _Rest


class _Event(msgspec.Struct, rename="camel"):
    event_id: str
    event_time: datetime
    received_time: datetime
    event_action: str
    client_id: str
    account_id: str
    brand_id: str
    source: str
    raw_data: _RawData
    customer_id: str | None = None
    user_id: str | None = None
    anonymous_id: str | None = None


class _Page(msgspec.Struct):
    data: list[_Event]


_TIME = pa.timestamp("us", tz="UTC")
_SCHEMA = pa.schema(
    [
        ("event_id", pa.string()),
        ("event_time", _TIME),
        ("received_time", _TIME),
        *((name, pa.string()) for name in ("event_action", "event_name", "customer_id", "user_id", "anonymous_id")),
        *((name, pa.string()) for name in ("client_id", "account_id", "brand_id", "source", "call_type", "send_type")),
        *((name, pa.string()) for name in ("properties", "context", "traits", "extra")),
        ("extracted_at", _TIME),
    ]
)


def main(url: str, token: str, database: str) -> None:
    """Read every day of the year from `url` into the table `events` of the DuckDB file."""
    pool = urllib3.PoolManager(maxsize=_THREADS, headers={"auth-token": token, "content-type": "application/json"})
    decode = msgspec.json.Decoder(_Page).decode

    def read(day: date) -> pa.Table:
        pages: list[pa.Table] = []
        skip = 0
        while True:
            query = f"?sort=asc&start={day}&end={day + timedelta(days=1)}&from={skip}&size={_PAGE}"
            events = decode(pool.request("GET", url + query).data).data
            pages.append(_table(events))
            if len(events) < _PAGE:
                return pa.concat_tables(pages)
            skip += _PAGE

    with duckdb.connect(database) as connection, ThreadPoolExecutor(_THREADS) as threads:
        connection.register("nothing", _table([]))
        connection.execute("CREATE TABLE events AS FROM nothing")
        for rows in _batches(threads.map(read, _DAYS)):
            connection.register("batch", rows)
            connection.execute("INSERT INTO events FROM batch")


def _batches(days: Iterator[pa.Table]) -> Iterator[pa.Table]:
    batch: list[pa.Table] = []
    for rows in days:
        batch.append(rows)
        if sum(map(len, batch)) >= _ROWS:
            yield pa.concat_tables(batch)
            batch = []
    if batch:
        yield pa.concat_tables(batch)


def _table(events: list[_Event]) -> pa.Table:
    now = datetime.now(UTC)
    raw = [event.raw_data for event in events]
    columns = {
        "event_name": [data.event for data in raw],
        "call_type": [data.action for data in raw],
        "send_type": [None] * len(raw),
        "properties": [str(data.properties, "utf-8") for data in raw],
        "context": [str(data.context, "utf-8") for data in raw],
        "traits": [None] * len(raw),
        "extra": [_extra(data) for data in raw],
        "extracted_at": [now] * len(raw),
    }
    for name in _SCHEMA.names:
        if name not in columns:
            columns[name] = [getattr(event, name) for event in events]
    return pa.table(columns, schema=_SCHEMA)


def _extra(data: _RawData) -> str:
    """What has no column of its own."""
    return msgspec.json.encode(_Extra(_Rest(data.timestamp, data.user_id, data.anonymous_id))).decode()


if __name__ == "__main__":
    main(*sys.argv[1:])
