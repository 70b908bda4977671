"""Who is meant: a person's identifiers, and those that the destination knows beside them."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from cdp_client import ConfigurationError
from intilery_source.forgotten import FORGOTTEN_ADDRESS, Kind, person_hmac
from intilery_source.protection import MASK, keyed
from pipelines.stored_tables import Store, StoredTable, place, quoted

PEOPLE = "intilery_people"
"""The temporary table of the identifiers: `kind`, `value`, and the HMAC that stands for it."""
_PREFIXES: Mapping[str, Kind] = {"id": "id", "userId": "userId", "email": "email"}
_ON_A_DEVICE = 3
"""How many others may use a person's device: an anonymous id that more have is none."""
_NOBODY = frozenset({"", MASK, FORGOTTEN_ADDRESS})


@dataclass
class People:
    """Identifiers by kind, e-mail addresses in lower case; `notes` are sentences for the user, without any datum."""

    values: dict[Kind, set[str]]
    spelled: set[str] = field(default_factory=set)
    """E-mail addresses as they were given: where `pii` hashes them, case counts."""
    notes: list[str] = field(default_factory=list)

    def of(self, kind: Kind) -> set[str]:
        return self.values.setdefault(kind, set())

    def hmacs(self, key: str) -> list[str]:
        """What `forgotten` keeps of them."""
        return sorted({person_hmac(key, kind, value) for kind, found in self.values.items() for value in found})


def read_file(lines: Iterable[str]) -> Iterator[tuple[Kind, str]]:
    """The identifiers of a file, one a line, as in `email:ada@example.com`.

    Raises:
        ConfigurationError: a line is none; its number is named.
    """
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        prefix, _, value = line.strip().partition(":")
        if prefix not in _PREFIXES or not value:
            raise ConfigurationError(
                f"--file: line {number} does not begin with id:, userId: or email:, as in email:ada@example.com."
            )
        yield _PREFIXES[prefix], value


def people(given: Iterable[tuple[Kind, str]]) -> People:
    """The people that some identifiers name.

    Raises:
        ConfigurationError: there is none, or one is empty.
    """
    found = People({})
    for kind, value in given:
        plain = value.strip().lower() if kind == "email" else value
        if not plain.strip() or "\0" in plain or plain in _NOBODY:
            raise ConfigurationError("An identifier is empty: name one, as in --id 42 or --email ada@example.com.")
        found.of(kind).add(plain)
        if kind == "email":
            found.spelled.add(value.strip())
    if not any(found.values.values()):
        raise ConfigurationError("Nobody is named: --id, --user-id, --email or --file says who is to be forgotten.")
    return found


def expressions(table: StoredTable, store: Store) -> list[tuple[Kind, str]]:
    """What in a row `r` identifies its person, beside the profile's identifier; e-mail addresses in lower case."""
    found: list[tuple[Kind, str]] = []
    for column, kind in (("external_id", "userId"), ("user_id", "userId"), ("anonymous_id", "anonymousId")):
        if column in table.columns:
            found.append((kind, f"CAST(r.{quoted(column)} AS VARCHAR)"))  # type: ignore[arg-type]
    addresses = [f"CAST(r.{quoted(column)} AS VARCHAR)" for column in ("email", "external_id", "user_id")
                 if column in table.columns]  # fmt: skip
    if table.has_json("traits"):
        addresses.append(json_text(store, "traits", "email"))
        found.append(("userId", json_text(store, "traits", "externalId")))
    return found + [("email", f"lower(trim({address}))") for address in addresses]


def json_text(store: Store, column: str, *path: str, row: str = "r") -> str:
    """The text at a path in a row's JSON column."""
    if store.is_duckdb:
        return f"(CAST({row}.{quoted(column)} AS JSON) ->> '$.{'.'.join(path)}')"
    return f"(CAST({row}.{quoted(column)} AS jsonb) #>> '{{{','.join(path)}}}')"


def resolve(store: Store, tables: list[StoredTable], given: People, key: str, *, merged: bool = True) -> People:
    """The people with all that the destination knows them by; it is left in the temporary table `PEOPLE`.

    With `merged`, profiles that theirs were merged with are theirs, too. An identifier that was not given and that
    belongs to somebody else, too, is none of theirs.
    """
    found = People({kind: set(values) for kind, values in given.values.items()}, given.spelled)
    known = [table for table in tables if table.id_column and table.schema == store.dataset]
    fill(store, found, key)
    for kind in ("email", "userId"):
        named = _ids_by_name(store, known, given, key, kind)
        found.notes.extend(_note_on(kind, named, len(given.of(kind))))
        found.of("id").update(*named.values())
    fill(store, found, key)
    if merged:
        while further := {value for table in known for value in _merged(store, table)} - found.of("id"):
            found.of("id").update(further)
            fill(store, found, key)
    for kind, value in {pair for table in known for pair in _beside(store, table)}:
        if value not in _NOBODY:
            found.of(kind).add(value)
    fill(store, found, key)
    shared = {pair for table in known for pair in _shared(store, table)}
    shared = {(kind, value) for kind, value in shared if value not in given.of(kind)}
    for kind, value in shared:
        found.of(kind).discard(value)
    if shared:
        found.notes.append(
            f"{len(shared)} further identifiers (e-mail addresses, user ids, devices) belong to profiles, too, that "
            "were not named: those profiles stay, and what such an identifier alone names. --email or --user-id with "
            "it forgets them all."
        )
    fill(store, found, key)
    return found


def fill(store: Store, found: People, key: str) -> None:
    """Put identifiers into the temporary table, also as the setting `pii` may have hashed them."""
    rows = set()
    for kind, values in found.values.items():
        for value in values:
            digest = person_hmac(key, kind, value)
            rows |= {(kind, value, digest), (kind, keyed(key, value), digest)}
    rows |= {("email", keyed(key, value), person_hmac(key, "email", value)) for value in found.spelled}
    store.rows(f"DROP TABLE IF EXISTS {PEOPLE}")
    store.rows(f"CREATE TEMPORARY TABLE {PEOPLE} (kind VARCHAR, value VARCHAR, hmac VARCHAR)")
    store.many(f"INSERT INTO {PEOPLE} VALUES (%s, %s, %s)", sorted(rows))  # noqa: S608


def among(expression: str, *kinds: str) -> str:
    """SQL that says whether a value is one of the identifiers of some kinds."""
    listed = ", ".join(f"'{kind}'" for kind in kinds)
    return f"{expression} IN (SELECT value FROM {PEOPLE} WHERE kind IN ({listed}))"  # noqa: S608


def _id(table: StoredTable) -> str:
    return f"CAST(r.{quoted(table.id_column or '')} AS VARCHAR)"


def _ids_by_name(
    store: Store, tables: Iterable[StoredTable], given: People, key: str, kind: Kind
) -> dict[str, set[str]]:
    """The profiles that each given identifier of some kind names, also where `pii` has hashed it."""
    hashed = {keyed(key, value): value for value in given.of(kind)}
    if kind == "email":
        hashed |= {keyed(key, value): value.lower() for value in given.spelled}
    found: dict[str, set[str]] = {}
    for table in tables:
        for of, expression in expressions(table, store):
            if of == kind:
                rows = store.rows(
                    f"SELECT DISTINCT {expression}, {_id(table)} FROM {place(table)} r "  # noqa: S608
                    f"WHERE {among(expression, kind)} AND r.{quoted(table.id_column or '')} IS NOT NULL"
                )
                for value, profile in rows:
                    found.setdefault(hashed.get(str(value), str(value)), set()).add(str(profile))
    return found


def _note_on(kind: Kind, named: Mapping[str, set[str]], given: int) -> Iterator[str]:
    """What the user is told where an identifier names several profiles."""
    several = [ids for ids in named.values() if len(ids) > 1]
    if not several:
        return
    what = "e-mail address" if kind == "email" else "user id"
    which = f"the {what} that was given" if given == 1 else f"an {what}" if kind == "email" else f"a {what}"
    shared = "" if given == 1 else " in common with another, of those that were given"
    yield f"{len(set().union(*several))} profiles have {which}{shared}: all of them are forgotten."


def _beside(store: Store, table: StoredTable) -> set[tuple[Kind, str]]:
    """The other identifiers of the profiles in a table."""
    found: set[tuple[Kind, str]] = set()
    for kind, expression in expressions(table, store):
        rows = store.rows(
            f"SELECT DISTINCT {expression} FROM {place(table)} r "  # noqa: S608
            f"WHERE {among(_id(table), 'id')} AND {expression} IS NOT NULL"
        )
        found.update((kind, str(value)) for (value,) in rows if kind != "email" or "@" in str(value))
    return found


def _merged(store: Store, table: StoredTable) -> set[str]:
    """The profiles that a profile was merged with."""
    if table.name != "profile_merges":
        return set()
    columns = [name for name in table.texts if name.endswith(("_id", "into"))]
    named = " OR ".join(among(f"CAST(r.{quoted(name)} AS VARCHAR)", "id") for name in columns)
    rows = store.rows(
        f"SELECT {', '.join(f'r.{quoted(name)}' for name in columns)} FROM {place(table)} r WHERE {named}"  # noqa: S608
    )
    profiles = [name not in ("external_id", "run_id") for name in columns]
    return {str(value) for row in rows for value, is_one in zip(row, profiles, strict=True) if is_one and value}


def _shared(store: Store, table: StoredTable) -> set[tuple[Kind, str]]:
    """The identifiers that a table also gives to other profiles; anonymous ids to more than share a device."""
    found: set[tuple[Kind, str]] = set()
    for kind, expression in expressions(table, store):
        rows = store.rows(
            f"SELECT {expression}, count(DISTINCT {_id(table)}) FROM {place(table)} r "  # noqa: S608
            f"WHERE {among(expression, kind)} AND r.{quoted(table.id_column or '')} IS NOT NULL "
            f"AND NOT {among(_id(table), 'id')} GROUP BY 1"
        )
        most = _ON_A_DEVICE if kind == "anonymousId" else 0
        found.update((kind, str(value)) for value, others in rows if others > most)
    return found
