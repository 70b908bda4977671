"""The original JSON of every event can be rebuilt from its row."""

from accounts import Account, canonical

from cdp_sandbox.process import Running
from intilery_source import rebuild


def test_every_event_is_rebuilt_from_its_row(account: Account, sandbox: Running) -> None:
    # given a world with every oddity that a feed may hold, seen at its end
    sandbox.reset(world="shop:60", seed=11, limits={"rate": None})
    sandbox.control("PUT", "/_sandbox/clock", {"now": sandbox.control("GET", "/_sandbox/clock")["ends_at"]})

    # when it is loaded
    account.load(only=("events",))

    # then each row gives back the event as the API showed it
    truth = {event["eventId"]: canonical(event) for event in sandbox.control("GET", "/_sandbox/truth/events")}
    rebuilt = {row["event_id"]: canonical(rebuild(row)) for row in account.records("SELECT * FROM intilery.events")}
    assert len(truth) > 4000
    assert rebuilt == truth


def test_traits_and_metadata_equal_the_api_s_answers(account: Account, sandbox: Running) -> None:
    # given a world whose trait types drift
    sandbox.reset(world="shop:20", seed=11, limits={"rate": None})
    account.load(only=("profile_traits", "profile_meta", "profile_event_bounds"))

    # then plain traits stand in columns of their own, and both maps of events are rows
    truth = {profile["id"]: profile for profile in sandbox.control("GET", "/_sandbox/truth/profiles")}
    rows = account.records("SELECT id, email, first_name, external_id FROM intilery.profile_traits")
    assert {row["id"]: (row["email"], row["first_name"], row["external_id"]) for row in rows} == {
        key: (profile["traits"].get("email"), profile["traits"].get("firstName"), profile["traits"]["externalId"])
        for key, profile in truth.items()
    }
    bounds = account.query(
        "SELECT profile_id, event_key, first_event_id, last_event_id FROM intilery.profile_event_bounds"
    )
    assert set(bounds) == {
        (key, event, profile["meta"]["firstEvent"][event]["eventId"], profile["meta"]["lastEvent"][event]["eventId"])
        for key, profile in truth.items()
        for event in profile["meta"]["firstEvent"]
    }
    columns = {name for (name,) in account.query("SELECT column_name FROM (DESCRIBE intilery.profile_meta)")}
    assert not any(name.startswith(("first_event", "last_event")) for name in columns)
