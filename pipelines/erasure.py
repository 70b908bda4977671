"""Erasing people's rows, or putting their identifiers' HMAC in place: which rows of which tables, and how.

What is to be done is planned first, as SQL on what is stored; the plan is then counted, carried out in place, or used
to write a file anew without what is erased.
"""

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from dlt.pipeline.pipeline import Pipeline

from cdp_client import ConfigurationError
from intilery_source.forgotten import FORGOTTEN_ADDRESS, KINDS
from intilery_source.tables import EVENTS, EXTRACT_WINDOWS
from pipelines.address_patterns import patterns
from pipelines.people import PEOPLE, People, among, json_text, people, resolve
from pipelines.stored_tables import LISTS, Change, Store, StoredTable, literal, place, quoted, store_of

_TIMES = "intilery_erased_times"
"""The temporary table of when the erased events happened."""
_GONE = "intilery_erased_events"
"""The temporary table of which events are erased."""
_NO_PERSON = frozenset({"extract_runs", "extract_windows", "rejected_records", "forgotten"})
"""Tables that hold nobody's values: rejected records have lost theirs (cdp_client.redaction.shape_of)."""
_KEPT_UNDER_ANOTHER_NAME = frozenset({"profile_trait_history", "profile_deletions", "profile_merges"})
_SEARCHED_ONE_BY_ONE = 10
_DEVICE = among("CAST(r.anonymous_id AS VARCHAR)", "anonymousId")
_COLUMNS: Mapping[str, Sequence[str]] = {**KINDS, "anonymous_id": ("anonymousId",)}
_ANYBODY = ("id", "userId", "email", "anonymousId")


@dataclass(frozen=True)
class Erased:
    """Rows that are gone, and rows in which something of the person was blanked."""

    rows: int
    blanked: int


def plan(store: Store, tables: Sequence[StoredTable], whom: People, *, pseudonymise: bool = False) -> list[Change]:
    """What becomes of each table that may hold something of the people in the temporary table `PEOPLE`.

    Child tables come before their parents, so that each change can still look at what it depends on.
    """
    addresses = patterns(whom.of("email"))
    changes = []
    copies = [] if pseudonymise else _copies_of_events(store, tables, addresses, whom.of("email"))
    for table in tables:
        if table.name in _NO_PERSON:
            continue
        rows = _of_person(store, table, "r", addresses, whom.of("email"))
        if table in copies:
            rows = f"{rows} OR r.event_id IN (SELECT event_id FROM {_GONE})"  # noqa: S608
        if pseudonymise and _stays(table):
            changes.append(Change(table, "FALSE", rows, _pseudonyms(table)))
            rows = "FALSE"
        values = _blanked(store, table, addresses) if addresses else {}
        shown = [_shows(store, f"r.{quoted(name)}", addresses, whom.of("email")) for name in values]
        touched = " OR ".join(shown) or "FALSE"
        if "anonymous_id" in table.columns:  # of a device that somebody else used, too
            values["anonymous_id"] = f"CASE WHEN {_DEVICE} THEN NULL ELSE r.anonymous_id END"
            touched = f"{touched} OR {_DEVICE}"
        if rows != "FALSE" or values:
            changes.append(Change(table, rows, touched, values))
    changes.sort(key=lambda change: -_depth(change.table))
    ledger = next(
        (table for table in tables if (table.schema, table.name) == (store.dataset, EXTRACT_WINDOWS.name)), None
    )
    events = next((one for one in changes if (one.table.schema, one.table.name) == (store.dataset, EVENTS.name)), None)
    if ledger is not None and events is not None and not pseudonymise:
        changes.insert(0, _recounted(store, ledger, events))
    return changes


def count(store: Store, changes: Sequence[Change]) -> dict[str, Erased]:
    """How many rows of each table a plan changes; tables of which it changes none are left out."""
    found: dict[str, Erased] = {}
    for change in changes:
        if change.table.name == EXTRACT_WINDOWS.name:
            continue
        ((rows, blanked),) = store.rows(
            f"SELECT count(CASE WHEN {change.erased} THEN 1 END), "  # noqa: S608 - quoted names and literals
            f"count(CASE WHEN ({change.erased}) IS NOT TRUE AND ({change.touched}) THEN 1 END) "
            f"FROM {place(change.table)} r"
        )
        if rows or blanked:
            before = found.get(str(change.table), Erased(0, 0))
            found[str(change.table)] = Erased(before.rows + int(rows), before.blanked + int(blanked))
    return found


def erase_profiles(
    pipeline: Pipeline,
    profile_ids: Collection[str],
    key: str | None,
    *,
    pseudonymise: bool = False,
    spared: Collection[str] = (),
) -> dict[str, Erased]:
    """Erase the rows of profiles in every table of a pipeline's destination, in one transaction.

    With `pseudonymise`, events and history stay, under the HMAC of their identifiers with `key` and without traits,
    context and leftovers; all else is erased. Profiles that these were once merged with stay, tables named in `spared`
    are left alone, and nothing is left in `forgotten`. What a DuckDB file's free space still
    holds of them is gone once `duckdb_rewrite.rewrite` has written it anew.

    Raises:
        ConfigurationError: there is no key to pseudonymise with, or the destination is none that can be erased from.
    """
    if not profile_ids:
        return {}
    if pseudonymise and not key:
        raise ConfigurationError(
            "To pseudonymise deleted profiles, put pii_key into .dlt/secrets.toml, section [sources.intilery]."
        )
    with store_of(pipeline) as store:
        tables = [table for table in store.tables() if table.name not in spared]
        named = people(("id", profile_id) for profile_id in profile_ids)
        whom = resolve(store, tables, named, key or "", merged=False)
        changes = plan(store, tables, whom, pseudonymise=pseudonymise)
        found = count(store, changes)
        store.carry_out(changes)
    return found


def _of_person(store: Store, table: StoredTable, row: str, addresses: Sequence[str], emails: Collection[str]) -> str:
    """SQL that says whether a row is one of theirs; `row` is what it is called there."""
    if table.parent is not None:
        root, link = _root_of(table)
        above = f"r{_depth(table)}"
        return (
            f"{row}.{quoted(link)} IN (SELECT {above}.{quoted('_dlt_id')} FROM {place(root)} {above} "  # noqa: S608
            f"WHERE {_of_person(store, root, above, addresses, emails)})"
        )
    found = []
    for column, kinds in _identifiers(table).items():
        value = f"CAST({row}.{quoted(column)} AS VARCHAR)"
        plain = [kind for kind in kinds if kind != "email"]
        named = [among(value, *plain)] if plain else []
        if "email" in kinds:
            named.append(among(f"lower(trim({value}))", "email"))
        one = f"({' OR '.join(named)})"
        if column == "anonymous_id" and "customer_id" in table.columns:  # a device may be somebody else's, too
            one = f"({one} AND {row}.{quoted('customer_id')} IS NULL)"
        found.append(one)
    if "event_id" in table.columns and table.has_json("extra"):
        for path, kinds in ((("rawData", "userId"), ("userId", "email")), (("rawData", "customerId"), ("id",))):
            found.append(among(json_text(store, "extra", *path, row=row), *kinds))
        if addresses and "customer_id" in table.columns:
            shows = " OR ".join(
                _shows(store, f"{row}.{quoted(name)}", addresses, emails)
                for name in table.texts
                if table.has_json(name)
            )
            found.append(f"({row}.{quoted('customer_id')} IS NULL AND ({shows}))")
    return " OR ".join(found) or "FALSE"


def _copies_of_events(
    store: Store, tables: Sequence[StoredTable], addresses: Sequence[str], emails: Collection[str]
) -> list[StoredTable]:
    """Tables made of the events, which need not show whose an event is; the events to erase are put into `_GONE`."""
    found = [table for table in tables if table.schema != store.dataset and "event_id" in table.columns]
    events = [table for table in tables if (table.schema, table.name) == (store.dataset, EVENTS.name)]
    if not found or not events:
        return []
    store.rows(f"DROP TABLE IF EXISTS {_GONE}")
    store.rows(
        f"CREATE TEMPORARY TABLE {_GONE} AS SELECT r.event_id FROM {place(events[0])} r "  # noqa: S608 - quoted names
        f"WHERE {_of_person(store, events[0], 'r', addresses, emails)}"
    )
    return found


def _identifiers(table: StoredTable) -> dict[str, Sequence[str]]:
    """The columns that identify a row's person, with the kinds of what they hold."""
    found: dict[str, Sequence[str]] = {name: kinds for name, kinds in _COLUMNS.items() if name in table.columns}
    if table.id_column != "id":
        found.pop("id", None)
    if "id_value" in table.columns:
        found["id_value"] = _ANYBODY
    if table.name == "profile_merges":
        found |= {name: ("id",) for name in table.texts if name.endswith(("profile_id", "into"))}
    return found


def _root_of(table: StoredTable) -> tuple[StoredTable, str]:
    """The table that a child table's rows belong to, and the column that says to which row."""
    root = table
    if "_dlt_root_id" in table.columns:
        while root.parent is not None:
            root = root.parent
        return root, "_dlt_root_id"
    return table.parent or table, "_dlt_parent_id"


def _depth(table: StoredTable) -> int:
    return 0 if table.parent is None else 1 + _depth(table.parent)


def _shows(store: Store, column: str, addresses: Sequence[str], whom: Collection[str]) -> str:
    """SQL that says whether an e-mail address stands in a column; a plain search, much faster, goes before."""
    text = f"CAST({column} AS VARCHAR)"
    found = [
        f"regexp_matches({text}, {literal(pattern)}, 'i')" if store.is_duckdb else f"{text} ~* {literal(pattern)}"
        for pattern in addresses
    ]
    matches = f"({' OR '.join(found)})"
    if len(whom) > _SEARCHED_ONE_BY_ONE:
        return matches
    plain = {max(re.findall("[0-9a-z]*", address.partition("@")[0]), key=len) for address in whom}
    hidden = [r"\u", "%"]  # what an escape begins with
    searched = [f"position({literal(part)} IN lower({text})) > 0" for part in (*sorted(plain), *hidden)]
    return f"(({' OR '.join(searched)}) AND {matches})"


def _blanked(store: Store, table: StoredTable, addresses: Sequence[str]) -> dict[str, str]:
    """The values of a table's texts without the addresses; twice, since two that touch share what is between them."""
    found = {}
    blank = rf"\1{FORGOTTEN_ADDRESS}\2"
    for name in table.texts:
        if name in ("event_id", "profile_id", "anonymous_id") or name == table.id_column:
            continue
        is_list = table.columns[name] in LISTS
        value = "one" if is_list else f"CAST(r.{quoted(name)} AS VARCHAR)"
        for pattern in (*addresses, *addresses):
            value = f"regexp_replace({value}, {literal(pattern)}, {literal(blank)}, 'gi')"
        found[name] = (
            f"list_transform(r.{quoted(name)}, lambda one: {value})"
            if is_list
            else (f"CAST({value} AS {table.columns[name]})")
        )
    return found


def _stays(table: StoredTable) -> bool:
    """Whether a table's rows are kept under another name."""
    return table.parent is None and ("event_id" in table.columns or table.name in _KEPT_UNDER_ANOTHER_NAME)


def _pseudonyms(table: StoredTable) -> dict[str, str]:
    """Each identifier's HMAC in its place, and nothing in place of what describes a person."""
    found = {}
    for name in _identifiers(table):
        value = f"CAST(r.{quoted(name)} AS VARCHAR)"
        found[name] = (
            f"CASE WHEN {value} IS NULL THEN NULL ELSE COALESCE((SELECT max(p.hmac) FROM {PEOPLE} p "  # noqa: S608
            f"WHERE p.value IN ({value}, lower(trim({value})))), {value}) END"
        )
    found |= dict.fromkeys((name for name in ("traits", "context", "extra", "email") if name in table.columns), "NULL")
    return found


def _recounted(store: Store, ledger: StoredTable, events: Change) -> Change:
    """The ledger without the events that are erased: it says how many rows each window has."""
    store.rows(f"DROP TABLE IF EXISTS {_TIMES}")
    store.rows(
        f"CREATE TEMPORARY TABLE {_TIMES} AS SELECT r.event_time AS happened "  # noqa: S608 - quoted names
        f"FROM {place(events.table)} r WHERE {events.erased}"
    )
    gone = (
        f"(SELECT count(*) FROM {_TIMES} t WHERE t.happened >= r.window_start "  # noqa: S608
        "AND t.happened < r.window_end)"
    )
    rows = f"CASE WHEN r.{quoted('rows')} > {gone} THEN r.{quoted('rows')} - {gone} ELSE 0 END"
    return Change(ledger, "FALSE", f"r.event_action = '' AND {gone} > 0", {"rows": rows})
