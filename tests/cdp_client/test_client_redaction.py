"""Words about data that give nothing of it away."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cdp_client.redaction import redact, shape_of


@pytest.mark.parametrize(
    ("value", "shape"),
    [
        ("alice", "string of 5"),
        (None, "null"),
        (True, "boolean"),
        (False, "boolean"),
        (7, "number"),
        (7.5, "number"),
        ([1, "a"], "list of 2"),
        ({"a": {"b": {"c": "alice"}}}, {"a": {"b": "object of 1"}}),
        ({"a": 1, "b": None, "c": [1]}, {"a": "number", "b": "null", "c": "list of 1"}),
    ],
)
def test_leaves_become_the_names_of_their_types(value, shape):
    assert shape_of(value) == shape


def test_keys_are_bounded_and_no_person_stands_among_them():
    shape = shape_of({f"{n:02}" + "k" * 100: 1 for n in range(99)})
    assert len(shape) == 40
    assert all(len(key) == 60 for key in shape)
    assert shape_of({"alice@example.com": 1}) == {"[e-mail]": "number"}


LEAVES = st.one_of(
    st.text(st.characters(categories=("L", "Nd")), min_size=1).map(lambda text: f"§{text}§"),
    st.integers(10**6, 10**40),
    st.floats(1e6, 1e300),
)


@given(
    st.recursive(LEAVES, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from("abcd"), inner))
)
def test_no_leaf_is_in_the_shape(value):
    def leaves(inner):
        if isinstance(inner, dict | list):
            for one in inner.values() if isinstance(inner, dict) else inner:
                yield from leaves(one)
        else:
            yield inner

    shown = json.dumps(shape_of(value), ensure_ascii=False)
    for leaf in leaves(value):
        assert str(leaf) not in shown


@pytest.mark.parametrize(
    ("text", "redacted"),
    [
        ("mail to alice@example.com now", "mail to [e-mail] now"),
        ("email:alice%40example.com/traits", "email:[e-mail]"),
        ("to=<bob.o'hara@x.example.co.uk>", "to=<bob.o'[e-mail]>"),
        ("profile 0f8fad5b-d9cb-469f-a165-70867728950e is gone", "profile [id] is gone"),
        ("GET https://host.example/acme/v1?userId=7 failed", "GET https://host.example/[path] failed"),
        ("GET https://host.example?userId=7#x failed", "GET https://host.example/[path] failed"),
        ("via http://user:pass@localhost:3128/x", "via http://localhost:3128/[path]"),
        ("nothing to hide: 3 rows", "nothing to hide: 3 rows"),
    ],
)
def test_others_messages_lose_what_names_a_person(text, redacted):
    assert redact(text) == redacted


def test_named_secrets_go_wherever_they_stand():
    assert redact("header abc123 and xabc123x", ("abc123", "")) == "header [secret] and x[secret]x"


@given(
    st.from_regex(r"[a-z0-9._+-]{1,20}", fullmatch=True),
    st.sampled_from(["@", "%40"]),
    st.from_regex(r"[a-z0-9-]{1,10}(\.[a-z]{2,5}){1,2}", fullmatch=True),
    st.sampled_from(["", "text ", '"', "userId=", "(", "<", "email:"]),
)
def test_no_address_survives(local, at, domain, before):
    shown = redact(f"{before}{local}{at}{domain}")
    assert f"{local}{at}" not in shown
    assert domain not in shown
