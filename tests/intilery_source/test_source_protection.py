"""Personal data in a profile's JSON: what a rule meets is gone, and nothing else has changed."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from odd_events import LEAVES
from pii_reference import KEY, Reference, hashed

from intilery_source.pii_rules import read_rules
from intilery_source.protection import MASK, Protection, keyed

KEYS = st.sampled_from(["a", "b", "email", "eMail", "e_mail", "firstName", "first_name", "items", "A b", "x.y", ""])
DOCUMENTS = st.dictionaries(
    KEYS,
    st.recursive(LEAVES, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=3)),
    max_size=4,
)
GLOBS = st.sampled_from(
    ["*.email", "*email", "*.a", "*.b.*", "profile_traits.a", "profile_traits.items.b", "profile_traits.items",
     "*.first_name", "*a?b*", "*.x.y", "profile_meta.a", "*.?"]
)  # fmt: skip
RULES = st.dictionaries(GLOBS, st.sampled_from(["keep", "drop", "hash", "mask"]), max_size=5)


def protection(rules: Any) -> Protection:
    return Protection(read_rules(rules), KEY)


@given(DOCUMENTS, RULES)
def test_what_a_rule_meets_is_treated_and_all_else_is_as_it_was(document, rules):
    protect = protection(rules | {"*.id": "keep"})
    expected = Reference(rules).document(document, ["profiletraits"]) | {"id": "p1"}
    for _ in range(2):  # the second time, the places are known
        found = protect.profile("profile_traits", document | {"id": "p1"})
        assert json.dumps(found, sort_keys=True) == json.dumps(expected, sort_keys=True)


@given(DOCUMENTS)
def test_nothing_beneath_a_whole_object_survives(document):
    protect = protection({"*.a": "drop", "*.b": "mask", "*email": "hash"})
    tokens = iter(range(10**6))

    def planted(value: Any, secret: bool) -> Any:
        if isinstance(value, list):
            return [planted(inner, secret) for inner in value]
        if isinstance(value, dict):
            return {
                key: planted(inner, secret or key in ("a", "b", "email", "eMail", "e_mail"))
                for key, inner in value.items()
            }
        return f"{'secret' if secret else 'plain'}-{next(tokens)}"

    given_document = planted(document, False)
    found = json.dumps(protect.profile("profiles", {"id": "p"} | given_document))
    assert "secret-" not in found
    assert found.count("plain-") == json.dumps(given_document).count("plain-")


def test_each_action():
    protect = protection({"*.d": "drop", "*.h": "hash", "*.m": "mask", "*.k": "keep"})
    document = {"d": 1, "h": "x", "m": {"n": 1}, "k": "y", "in": [{"d": 2, "h": [1, 1.5, "ä"], "m": None}]}
    assert protect.profile("profile_traits", document) == {
        "h": hashed("x"),
        "m": MASK,
        "k": "y",
        "in": [{"h": hashed('[1,1.5,"ä"]'), "m": None}],
    }


def test_a_text_and_its_key_decide_the_hash():
    # RFC 4231's second test case
    assert keyed("Jefe", "what do ya want for nothing?").startswith("5bdcc146bf60754e6a042426089575c7")


DEFAULT = protection("default")


@pytest.mark.parametrize(
    ("text", "left"),
    [
        ("ada@example.com", "{}"),
        ("Ada <ada+x@mail.example.co.uk>, call", "Ada <{}>, call"),
        ("https://x.example/?e=ada%40example.com&n=1", "https://x.example/?e={}&n=1"),
        ('{"email":"ada@example.com"}', '{{"email":"{}"}}'),
        ("ада@пример.рф", "{}"),
    ],
)
def test_an_address_is_hashed_wherever_it_stands(text, left):
    found = DEFAULT.profile("profile_meta", {"id": "p", "note": [text]})["note"][0]
    head, _, tail = left.replace("{{", "{").replace("}}", "}").partition("{}")
    assert found.startswith(head)
    assert found.endswith(tail)
    assert "ada" not in found
    assert len(found) == len(head) + 64 + len(tail)


ADDRESSES = [
    "o'brien@example.com", '"john zebra"@example.com', "zebra@example.xn--p1ai", "zebra.two@[198.51.100.7]",
    "zebra@[IPv6:2001:db8::1]", "zebra/three@example.com", "zebra&four@example.com", "zebra=five@example.com",
    "!#$%&'*+-/=?^_`{|}~@example.com", "ada%40example.com",
]  # fmt: skip


@pytest.mark.parametrize("address", ADDRESSES)
def test_a_text_that_is_an_address_is_hashed_whole_so_that_it_joins(address):
    assert DEFAULT.profile("profiles", {"id": "p", "note": address})["note"] == hashed(address)


@pytest.mark.parametrize("address", ADDRESSES[:-2])
@pytest.mark.parametrize(
    ("before", "behind"), [("to ", " now"), ("<", ">"), ("'", "'"), ("(mailto:", ")"), ("a@b.cd,", ";")]
)
def test_nothing_is_left_of_an_address_in_a_longer_text(address, before, behind):
    found = DEFAULT.profile("profiles", {"id": "p", "note": f"{before}{address}{behind}"})["note"]
    assert found == f"{before}{hashed(address)}{behind}".replace("a@b.cd", hashed("a@b.cd"))


def test_quotes_in_a_text_of_json_do_not_begin_an_address():
    text = '{"handle":"@example.com"}'
    assert DEFAULT.profile("profiles", {"id": "p", "note": text})["note"] == text


@pytest.mark.parametrize("text", ["@ada", "a @ b.c", "3@4", "ada@localhost", "@", "x@y."])
def test_what_is_no_address_stays(text):
    assert DEFAULT.profile("profiles", {"id": "p", "note": text})["note"] == text


def test_an_address_as_a_key_is_hashed_too():
    assert DEFAULT.profile("profiles", {"seen": {"ada@example.com": 1}}) == {"seen": {hashed("ada@example.com"): 1}}


def test_a_rule_that_keeps_also_keeps_addresses():
    protect = protection({"default": True, "*.contact": "keep"})
    document = {"contact": "ada@example.com", "contacts": ["bob@example.com"]}
    assert protect.profile("profiles", document) == {
        "contact": "ada@example.com",
        "contacts": [hashed("bob@example.com")],
    }


def test_a_long_text_is_searched_in_no_time():
    text = "a" * 200_000 + "@"
    assert DEFAULT.profile("profiles", {"note": text})["note"] == text


def test_the_shipped_rules_on_a_profile():
    document = {
        "id": "p1", "externalId": "c-1", "email": "ada@example.com", "firstName": "Ada", "phone": "+44113",
        "address": {"postalCode": "CH1", "city": "Chester"}, "loyaltyPoints": 7, "plan": {"name": "gold"},
    }  # fmt: skip
    assert DEFAULT.profile("profile_traits", document) == {
        "id": "p1", "externalId": "c-1", "email": hashed("ada@example.com"), "firstName": MASK,
        "phone": hashed("+44113"), "address": MASK, "loyaltyPoints": 7, "plan": {"name": "gold"},
    }  # fmt: skip


def test_events_in_the_metadata_are_events():
    protect = protection({"events.properties.card": "drop", "events.user_id": "mask", "profile_meta.created": "hash"})
    event = {"eventId": "e1", "eventTime": "t", "userId": "u", "rawData": {"properties": {"card": 1, "n": 2}}}
    meta = {"id": "p", "created": "c", "firstEvent": {"user_id": event}, "lastEvent": {"page": event}}
    expected = {"eventId": "e1", "eventTime": "t", "userId": MASK, "rawData": {"properties": {"n": 2}}}
    assert protect.profile("profile_meta", meta) == {
        "id": "p", "created": hashed("c"), "firstEvent": {"user_id": expected}, "lastEvent": {"page": expected},
    }  # fmt: skip


@pytest.mark.parametrize("glob", ["profile_event_bounds.first_event", "profile_meta.firstEvent"])
def test_the_events_in_the_metadata_can_be_dropped(glob):
    meta = {"id": "p", "firstEvent": {"page": {"eventId": "e1"}}, "lastEvent": {"page": {"eventId": "e2"}}}
    found = protection({glob: "drop"}).profile("profile_meta", meta)
    assert found == {"id": "p", "lastEvent": {"page": {"eventId": "e2"}}}


def test_keys_by_the_million_take_no_memory():
    protect = protection({"*.email": "drop"})
    for number in range(100):
        protect.profile("profiles", {f"k{number}-{key}": {f"j{key}": 1} for key in range(1_000)})
    assert protect._nodes <= 20_000
