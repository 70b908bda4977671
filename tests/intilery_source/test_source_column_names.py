"""Which column a key gets."""

from dlt.common.normalizers.naming.snake_case import NamingConvention
from hypothesis import given
from hypothesis import strategies as st

from intilery_source.column_names import REST, name_columns

PLAIN = st.sampled_from(
    ["a", "aB", "a_b", "A B", "a-b", "AB", "a.b", "a__b", "a/b", "_a", "a_", "v_text", "2fa", "größe"]
)
KEYS = st.sets(PLAIN | st.text(min_size=1, max_size=4).filter(str.strip), max_size=12)
dlt_names = NamingConvention()


@given(KEYS)
def test_no_two_keys_of_an_object_share_a_column_and_dlt_leaves_the_names_alone(keys):
    names = name_columns(keys)
    assert names.keys() == keys
    assert len(set(names.values())) == len(keys)
    for name in names.values():
        assert dlt_names.normalize_path(name) == name
        assert "__" not in name
        assert not name.startswith("_dlt")
        assert name not in (REST, "v_text")


@given(KEYS, st.randoms())
def test_the_order_of_keys_changes_nothing(keys, random):
    shuffled = sorted(keys)
    random.shuffle(shuffled)
    assert name_columns(shuffled) == name_columns(sorted(keys))


@given(KEYS, KEYS)
def test_other_keys_take_a_plain_name_only_by_spelling_the_same_words(keys, others):
    together, alone = name_columns(keys | others), name_columns(keys)
    for key in keys:
        if together[key] != alone[key]:
            owner = next(other for other in others if together[other] == alone[key])
            assert dlt_names.normalize_identifier(owner) == dlt_names.normalize_identifier(key)


def test_spellings_of_the_same_words_are_one_name():
    for key in ("firstName", "first_name", "First Name", "first-name", "FIRST_NAME", "FirstName"):
        assert name_columns([key]) == {key: "first_name"}


def test_of_several_spellings_camel_case_keeps_the_name_then_snake_case():
    names = name_columns(["First Name", "first_name", "firstName"])
    assert names["firstName"] == "first_name"
    assert names["first_name"] == "first_name_05416fbf"
    assert names["First Name"] == "first_name_96ce6e61"
    assert name_columns(["First Name", "first_name"])["first_name"] == "first_name"


def test_keys_that_cannot_be_told_apart_as_columns_are_named_after_their_spelling():
    keys = ["東京", "大阪", "!!!", "größe", "gräße", "a__b", "a'b", "_dlt_id", "v_text", "kept_as_json"]
    alone = [name_columns([key])[key] for key in keys]
    assert len(set(alone)) == len(keys)
    assert name_columns(keys) == dict(zip(keys, alone, strict=True))
    assert name_columns(["größe"]) == {"größe": "gr_e_d353a267"}
