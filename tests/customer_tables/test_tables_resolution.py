"""Whose an event and an identifier are, and since when that is known."""

from datetime import timedelta

from raw_customers import RawCustomers, at, deletion, event, merge, snapshot

from customer_tables.contract import CUSTOMERS, IDENTIFIERS
from customer_tables.merges import Merge, settled

_MINUTE = timedelta(minutes=1)


def _whose(raw: RawCustomers) -> dict[str, str | None]:
    return dict(raw.rows("SELECT event_id, customer_id FROM customer_tables.customer_events"))  # type: ignore[arg-type]


def _known(raw: RawCustomers) -> dict[str, object]:
    return dict(raw.rows("SELECT event_id, known_at FROM customer_tables.customer_events"))  # type: ignore[arg-type]


def test_an_event_goes_by_its_profile_then_its_user_id_then_its_device(raw: RawCustomers) -> None:
    raw.load(
        profile_trait_history=[snapshot("p", 0, {}, "x-p"), snapshot("q", 0, {}, "x-q")],
        events=[
            event("device", 1, customer_id="q", anonymous_id="phone"),
            event("by profile", 2, customer_id="p", user_id="x-q", anonymous_id="phone"),
            event("by user", 2, user_id="x-p", anonymous_id="laptop"),
            event("by device", 2, user_id="unheard-of", anonymous_id="tablet"),
            event("tablet", 1, customer_id="q", anonymous_id="tablet"),
            event("nobody", 2, user_id="unheard-of", anonymous_id="unheard-of"),
        ],
    )
    raw.build()
    whose = _whose(raw)
    assert (whose["by profile"], whose["by user"], whose["by device"], whose["nobody"]) == ("p", "p", "q", None)


def test_what_several_customers_have_is_nobodys(raw: RawCustomers) -> None:
    raw.load(
        profile_trait_history=[snapshot("p", 0, {}, "shared"), snapshot("q", 0, {}, "shared")],
        events=[
            event("p", 1, customer_id="p", anonymous_id="kiosk"),
            event("q", 1, customer_id="q", anonymous_id="kiosk"),
            event("user", 2, user_id="shared"),
            event("device", 2, anonymous_id="kiosk"),
        ],
    )
    raw.build()
    assert _whose(raw)["user"] is None
    assert _whose(raw)["device"] is None


def test_an_address_is_an_identifier_of_all_who_have_it_and_decides_nothing(raw: RawCustomers) -> None:
    home = {"email": " Home@Example.com "}
    raw.load(
        profile_trait_history=[snapshot("p", 0, home), snapshot("q", 0, home)],
        events=[
            event("p", 1, customer_id="p", user_id="only-p@example.com"),
            event("context", 1, customer_id="q", context={"traits": {"email": "q@example.com"}}),
            event("alone", 2, user_id="only-p@example.com"),
            event("home", 2, user_id="home@example.com"),
        ],
    )
    raw.build()
    found = {(value, whose) for kind, value, whose, *_ in raw.held(IDENTIFIERS) if kind == "email"}
    assert found == {
        ("home@example.com", "p"), ("home@example.com", "q"), ("only-p@example.com", "p"), ("q@example.com", "q"),
    }  # fmt: skip
    assert _whose(raw)["alone"] is None
    assert _whose(raw)["home"] is None


def test_an_event_is_known_no_sooner_than_the_link_that_was_used(raw: RawCustomers) -> None:
    raw.load(
        events=[
            event("visit", 1, anonymous_id="phone"),
            event("login", 9, customer_id="p", anonymous_id="phone"),
            event("later", 20, anonymous_id="phone"),
        ]
    )
    raw.build()
    known = _known(raw)
    assert known == {"visit": at(9) + _MINUTE, "login": at(9) + _MINUTE, "later": at(20) + _MINUTE}


def test_chains_of_merges_are_followed(raw: RawCustomers) -> None:
    raw.load(
        profile_merges=[merge("p", "q", 10, "x"), merge("q", "r", 12)],
        profile_trait_history=[snapshot("p", 0, {"plan": "gold"}, "x"), snapshot("r", 1, {"plan": "silver"})],
        events=[event("p", 1, customer_id="p"), event("q", 2, customer_id="q"), event("x", 3, user_id="x")],
    )
    raw.build()
    assert set(_whose(raw).values()) == {"r"}
    assert _known(raw) == {"p": at(12), "q": at(12), "x": at(12)}
    ((customer_id, _, first_seen_at, deleted_at, merged_from),) = raw.held(CUSTOMERS)
    assert (customer_id, first_seen_at, deleted_at, merged_from) == ("r", at(1), None, 2)
    assert {whose for _, _, whose, *_ in raw.held(IDENTIFIERS)} == {"r"}
    plans = raw.rows("SELECT value, origin FROM customer_tables.customer_trait_changes WHERE trait = 'plan'")
    assert plans == [('"silver"', "snapshot")]


def test_merges_in_a_circle_end_with_the_later_one() -> None:
    circle = [Merge("p", "q", at(1)), Merge("q", "p", at(5)), Merge("r", "q", at(2)), Merge("s", "s", at(2))]
    assert {found.profile_id: (found.merged_into, found.detected_at) for found in settled(circle)} == {
        "q": ("p", at(5)),
        "r": ("p", at(5)),
    }


def test_a_merge_that_is_found_again_was_known_before() -> None:
    assert list(settled([Merge("p", "q", at(1)), Merge("p", "q", at(5))])) == [Merge("p", "q", at(1))]


def test_a_customer_is_deleted_unless_back(raw: RawCustomers) -> None:
    raw.load(
        profile_deletions=[deletion("gone", 5), deletion("listed", 5), deletion("seen", 5), deletion("twice", 5)],
        profiles=[{"id": "listed"}, {"id": "here"}],
        profile_meta=[{"id": "here", "created_by__created_time": at(-100)}],
        profile_trait_history=[
            snapshot("gone", 1, {}), snapshot("gone", 5, None), snapshot("seen", 6, {}), snapshot("twice", 6, {}),
        ],
    )  # fmt: skip
    raw.load(profile_deletions=[deletion("twice", 7)])
    raw.build()
    held = {row[0]: row for row in raw.held(CUSTOMERS)}
    assert {name: row[3] for name, row in held.items()} == {
        "gone": at(5), "listed": None, "seen": None, "twice": at(7), "here": None,
    }  # fmt: skip
    assert held["here"][1:3] == (at(-100), None)
    assert held["gone"][1:3] == (at(1), at(1))


def test_a_missing_time_of_receipt_is_guessed_from_the_lateness_that_was_measured(raw: RawCustomers) -> None:
    raw.run("CREATE TABLE intilery.extract_runs (run_id VARCHAR, since TIMESTAMPTZ, lateness_p99_99 DOUBLE)")
    raw.run("INSERT INTO intilery.extract_runs VALUES ('a', NULL, 7199.5), ('b', NULL, 60)")
    raw.load(events=[event("e", 1, received_time=None), event("f", 2)])
    raw.build()
    found = raw.rows("SELECT event_id, ingested_at, known_at, known_at_imputed FROM customer_tables.customer_events")
    assert sorted(found) == [("e", None, at(3), True), ("f", at(2) + _MINUTE, at(2) + _MINUTE, False)]


def test_without_a_run_the_lateness_is_that_of_the_events(raw: RawCustomers) -> None:
    raw.load(events=[event("e", 1, received_time=None), event("f", 2, received_time=at(5))])
    raw.build()
    assert _known(raw)["e"] == at(4)


def test_what_two_profiles_had_is_known_to_be_one_customers_once_they_were_merged(raw: RawCustomers) -> None:
    raw.load(
        events=[
            event("p", 0, customer_id="p", anonymous_id="phone"),
            event("q", 1, customer_id="q", anonymous_id="phone"),
            event("nobody", 5, anonymous_id="phone"),
        ],
        profile_trait_history=[snapshot("p", 0, {}), snapshot("q", 0, {})],
    )
    raw.build()
    assert _whose(raw)["nobody"] is None
    # when they become one, then the event is theirs, but was not before
    raw.load(profile_merges=[merge("q", "p", 30)])
    raw.build()
    assert (_whose(raw)["nobody"], _known(raw)["nobody"]) == ("p", at(30))
    # and a device that the profile got after its merge was never shared
    raw.load(
        events=[
            event("p tablet", 40, customer_id="p", anonymous_id="tablet"),
            event("tablet", 41, anonymous_id="tablet"),
            event("q tablet", 42, customer_id="q", anonymous_id="tablet"),
        ]
    )
    assert raw.build().how == "incremental"
    assert (_whose(raw)["tablet"], _known(raw)["tablet"]) == ("p", at(41) + _MINUTE)
    step_by_step = raw.all_held()
    raw.build(full=True)
    assert step_by_step == raw.all_held()
