"""Which personal data are kept, dropped, hashed or masked: rules by glob over a value's path.

A path is the table's name and the original JSON keys, joined by dots. Its spelling does not matter: `firstName`,
`first_name` and `First-Name` are one. Of the rules that match a path the last one holds.
"""

import json
import re
import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from enum import StrEnum
from typing import Any, NamedTuple

from cdp_client import ConfigurationError

_SETTING = "sources.intilery.pii"
_EXAMPLE = 'for example pii = "default", or in a section [sources.intilery.pii] "*.email" = "hash"'


class Action(StrEnum):
    """What becomes of a value."""

    KEEP = "keep"
    DROP = "drop"
    HASH = "hash"
    MASK = "mask"


class Rule(NamedTuple):
    """What becomes of the values whose path a glob matches: `*` stands for any text, dots too, `?` for a character."""

    glob: str
    action: Action


_HASHED: tuple[str, ...] = (
    *("*email", "*emails", "*email?", "*emailaddress*", "*.mail", "*mailaddress"),
    *("*phone", "*phones", "*phone?", "*phonenumber*", "*mobilenumber*", "*.mobile", "*.mobile?", "*.tel", "*.telno"),
    *("*.telnumber", "*.cell", "*.msisdn", "*faxnumber*", "*.fax"),
)
_MASKED: tuple[str, ...] = (
    *("*firstname", "*lastname", "*middlename*", "*fullname", "*surname", "*forename*", "*givenname*", "*familyname"),
    *("*maidenname", "*.nickname", "*displayname", "*.initials", "*.username", "*.contactname", "*.recipientname"),
    *("profiles.name", "profile_traits.name", "profile_meta.name", "*.traits.name", "*.user.name", "*.customer.name"),
    *("*.recipient.name", "*address*", "*.street", "*.streetname", "*.housenumber*", "*postcode*", "*postalcode*"),
    *("*.zip", "*zipcode*", "*.ip", "*.ipv?", "*.clientip", "*.userip", "*.remoteaddr", "*useragent*", "*.ua"),
)
DEFAULT_RULES = (
    *(Rule(glob, Action.MASK) for glob in _MASKED),
    *(Rule(glob, Action.HASH) for glob in _HASHED),
)
"""E-mail and telephone hashed, so that they still join; names, addresses, ip and user agent masked."""

KEYS: Mapping[str, tuple[str, ...]] = {
    "events": ("event_id", "event_time"),
    "profile_events": ("profile_id", "event_id", "event_time"),
    "profiles": ("id",),
    "profile_traits": ("id",),
    "profile_meta": ("id",),
    "profile_event_bounds": ("profile_id", "event_key"),
}
"""The columns that make a row one, or order it: look-ups, merges and the ledger need them as they are."""
_TIMES = ("events.received_time", "profile_events.received_time")


class Rules:
    """Rules in the order in which they were written."""

    def __init__(self, rules: Sequence[Rule] = (), *, default: bool = False) -> None:
        """`default` says that the shipped rules are among them: then e-mail addresses are hashed wherever they stand.

        Raises:
            ConfigurationError: a rule would change a key, or put text in place of a time.
        """
        self.default = default
        self.hashes = default or any(rule.action is Action.HASH for rule in rules)
        self._rules = tuple(rules)
        self._patterns = [(_pattern(normal(rule.glob)), rule.action) for rule in reversed(rules)]
        self._treating = [normal(rule.glob) for rule in rules if rule.action is not Action.KEEP]
        self._refuse(
            [f"{table}.{column}" for table, columns in KEYS.items() for column in columns],
            frozenset({Action.KEEP}),
            "a key, which can only be kept",
        )
        self._refuse(_TIMES, frozenset({Action.KEEP, Action.DROP}), "a time, which can only be kept or dropped")

    def __bool__(self) -> bool:
        return self.default or bool(self._rules)

    def action(self, paths: Sequence[str]) -> Action | None:
        """What the last rule says that matches one of a value's paths (as `normal` spells them), None without any."""
        for pattern, action in self._patterns:
            if any(pattern.fullmatch(path) for path in paths):
                return action
        return None

    def reach(self, paths: Sequence[str]) -> bool:
        """Whether a rule may change a value beneath one of these paths."""
        return self.default or any(_reaches(glob, f"{path}.") for glob in self._treating for path in paths)

    def _refuse(self, paths: Sequence[str], allowed: frozenset[Action], what: str) -> None:
        wrong = [path for path in paths if (self.action([normal(path)]) or Action.KEEP) not in allowed]
        if wrong:
            exceptions = ", ".join(f'"{path}" = "keep"' for path in wrong)
            raise ConfigurationError(
                f"{_SETTING} would change {wrong[0]}, {what}: write as its last rules {exceptions}."
            )


def normal(path: str) -> str:
    """A key, path or glob in the one spelling that stands for all of them; dlt's two underscores become a dot."""
    folded = unicodedata.normalize("NFKC", path).casefold()
    return re.sub(r"[_\-\s]", "", re.sub("(?<=[^_.])__+(?=[^_.])", ".", folded))


def read_rules(value: Any) -> Rules:
    """The setting `pii`: nothing, `default`, or a table of rules in which `default = true` puts the shipped ones first.

    Raises:
        ConfigurationError: it is something else.
    """
    if isinstance(value, str) and value.lstrip().startswith("{"):  # from the environment
        try:
            value = json.loads(value)
        except ValueError:
            raise ConfigurationError(f"{_SETTING} is no JSON object; {_EXAMPLE}.") from None
    if value is None or value == "":
        return Rules()
    if value == "default":
        return Rules(DEFAULT_RULES, default=True)
    if not isinstance(value, Mapping):
        raise ConfigurationError(f'{_SETTING} must be "default" or a table of rules; {_EXAMPLE}.')
    own = dict(value)
    default = own.pop("default", False)
    if not isinstance(default, bool):
        raise ConfigurationError(f"{_SETTING}.default must be true or false; for example default = true.")
    rules = [_rule(glob, action) for glob, action in _flat(own)]
    return Rules([*DEFAULT_RULES, *rules] if default else rules, default=default)


def _flat(value: Mapping[str, Any], before: str = "") -> Iterator[tuple[str, Any]]:
    """The rules, also where TOML made tables of a path that was written without quotes."""
    for key, inner in value.items():
        if isinstance(inner, Mapping):
            yield from _flat(inner, f"{before}{key}.")
        else:
            yield f"{before}{key}", inner


def _rule(glob: str, action: Any) -> Rule:
    if "." not in glob and "*" not in glob:
        raise ConfigurationError(
            f'{_SETTING}: "{glob}" can match nothing: a path begins with the table, as in "*.{glob}" or '
            f'"profile_traits.{glob}".'
        )
    try:
        return Rule(glob, Action(action))
    except ValueError:
        allowed = ", ".join(Action)
        raise ConfigurationError(f'{_SETTING}: "{glob}" must be one of {allowed}; {_EXAMPLE}.') from None


def _pattern(glob: str) -> re.Pattern[str]:
    parts = (".*" if char == "*" else "." if char == "?" else re.escape(char) for char in glob)
    return re.compile("".join(parts), re.DOTALL)


def _reaches(glob: str, begin: str) -> bool:
    """Whether a text that begins so, and is longer, may match a glob."""
    places = {0}
    for char in begin:
        following = set()
        for place in places:
            while place < len(glob) and glob[place] == "*":
                following.add(place)
                place += 1
            if place < len(glob) and glob[place] in ("?", char):
                following.add(place + 1)
        places = following
    return any(place < len(glob) for place in places)
