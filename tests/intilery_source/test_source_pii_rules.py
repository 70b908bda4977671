"""The setting `pii`: which rule holds for which path, and what cannot be a rule."""

import fnmatch

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cdp_client import ConfigurationError
from intilery_source.pii_rules import DEFAULT_RULES, Action, normal, read_rules


@pytest.mark.parametrize(
    ("glob", "path"),
    [
        ("*.email", "events.properties.email"),
        ("*.email", "events.context.traits.email"),
        ("*.email", "profile_traits.email"),
        ("*.EMAIL", "profile_traits.eMail"),
        ("*.first_name", "profile_traits.firstName"),
        ("*.firstName", "profile_traits.First-Name"),
        ("*.firstName", "profile_traits.first name"),
        ("profile_traits.address.postal_code", "profile_traits.address.postalCode"),
        ("profile_traits.address__postal_code", "profile_traits.address.postalCode"),
        ("profile_traits__children.name", "profile_traits.children.name"),
        ("events.user?d", "events.userId"),
        ("*straße", "profile_traits.STRASSE"),
    ],
)
def test_a_glob_meets_a_path_however_it_is_spelled(glob, path):
    assert read_rules({glob: "drop"}).action([normal(path)]) is Action.DROP


@pytest.mark.parametrize("path", ["events.emails", "events.my.email.kind", "email", "events.notemail"])
def test_a_glob_meets_whole_paths_only(path):
    assert read_rules({"*.email": "drop"}).action([normal(path)]) is None


def test_the_last_rule_that_matches_holds():
    rules = read_rules({"*.a": "drop", "events.*": "hash", "events.properties.a": "keep", "events.event_id": "keep",
                        "events.event_time": "keep", "events.received_time": "keep"})  # fmt: skip
    assert rules.action(["profiles.a"]) is Action.DROP
    assert rules.action(["events.b.a"]) is Action.HASH
    assert rules.action(["events.properties.a"]) is Action.KEEP


def test_own_rules_come_behind_the_shipped_ones_wherever_default_stands():
    rules = read_rules({"*.email": "keep", "default": True})
    assert rules.action(["profiles.email"]) is Action.KEEP
    assert rules.action(["profiles.phone"]) is Action.HASH
    assert rules.default


def test_paths_without_quotes_are_tables_of_toml():
    rules = read_rules({"profile_traits": {"address": {"geo": "drop"}, "*": "mask", "id": "keep"}})
    assert rules.action(["profiletraits.address.geo"]) is Action.MASK
    assert rules.action(["profiletraits.id"]) is Action.KEEP


def test_the_environment_has_rules_as_json():
    assert read_rules('{"*.email": "drop"}').action(["profiles.email"]) is Action.DROP


@pytest.mark.parametrize("nothing", [None, "", {}])
def test_it_is_off_where_nothing_is_said(nothing):
    assert not read_rules(nothing)


@pytest.mark.parametrize(
    ("value", "named"),
    [
        ("defualt", '"default"'),
        (True, '"default"'),
        (["*.email"], '"default"'),
        ("{oops", "JSON"),
        ({"default": "yes"}, "true or false"),
        ({"*.email": "remove"}, "keep, drop, hash, mask"),
        ({"*.email": 1}, "keep, drop, hash, mask"),
        ({"email": "drop"}, '"*.email"'),
        ({"events.event_id": "drop"}, '"events.event_id" = "keep"'),
        ({"events.eventTime": "mask"}, '"events.event_time" = "keep"'),
        ({"*.id": "mask"}, '"profiles.id" = "keep", "profile_traits.id" = "keep", "profile_meta.id" = "keep"'),
        ({"*_id": "hash"}, '"profile_event_bounds.profile_id" = "keep"'),
        ({"events.received_time": "hash"}, '"events.received_time" = "keep"'),
    ],
)
def test_what_is_no_rule_is_said_with_what_to_write(value, named):
    with pytest.raises(ConfigurationError) as caught:
        read_rules(value)
    assert str(caught.value).startswith("sources.intilery.pii")
    assert named in str(caught.value)


@pytest.mark.parametrize(
    "key",
    ["email", "emailAddress", "e_mail", "EMAIL", "workEmail", "phone", "phoneNumber", "mobile", "mobile_number",
     "firstName", "last_name", "fullName", "surname", "postcode", "post_code", "postalCode", "address", "addressLine1",
     "shipping_address", "ip", "ipAddress", "userAgent", "user_agent"],
)  # fmt: skip
@pytest.mark.parametrize(
    "place", ["profile_traits", "profiles", "profile_meta", "events.context.traits", "events.properties.customer"]
)
def test_the_shipped_rules_meet_every_spelling(key, place):
    assert read_rules("default").action([f"{normal(place)}.{normal(key)}"]) in (Action.HASH, Action.MASK)


@pytest.mark.parametrize(
    "path",
    ["events.properties.name", "profile_events.properties.products.name", "events.context.campaign.name",
     "events.event_name", "events.properties.order_id", "events.properties.description", "events.customer_id",
     "profile_traits.loyalty_points", "profile_traits.title", "events.context.page.url", "events.properties.shipping"],
)  # fmt: skip
def test_the_shipped_rules_leave_what_names_nobody(path):
    assert read_rules("default").action([normal(path)]) is None


PIECES = st.text("ab.*?", max_size=7)


@given(PIECES, st.text("ab", min_size=1, max_size=4), st.text("ab.", min_size=1, max_size=4))
def test_a_rule_that_matches_beneath_reaches_there(glob, path, below):
    if not set(glob) & {".", "*"}:
        return
    rules = read_rules({f"t.{glob}": "drop"})
    whole = f"t.{path}.{below}"
    assert (rules.action([whole]) is Action.DROP) == fnmatch.fnmatchcase(whole, f"t.{glob}")
    if rules.action([whole]) is Action.DROP:
        assert rules.reach([f"t.{path}"])


def test_a_rule_reaches_only_where_it_can_match():
    rules = read_rules({"events.properties.card": "drop", "profile*.email": "hash"})
    assert rules.reach(["events.properties"])
    assert not rules.reach(["events.context"])
    assert not rules.reach(["events.properties.card"])
    assert rules.reach(["profiles"])


def test_the_shipped_rules_are_what_the_documentation_says():
    assert {rule.action for rule in DEFAULT_RULES} == {Action.HASH, Action.MASK}
