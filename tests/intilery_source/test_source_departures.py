"""What became of profiles that are not there any more."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import pytest

from cdp_client import AuthenticationError, GaveUpError
from intilery_source.departures import FuseError, Holders, check_fuse, depart
from intilery_source.standing import Standing, Version
from intilery_source.types import ProfileAnswer

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)


class Held(Standing):
    """A destination that holds what it is told."""

    def __init__(
        self,
        versions: Sequence[Version] = (),
        merged: dict[str, str] | None = None,
        deleted: dict[str, datetime] | None = None,
    ) -> None:
        super().__init__(None, "")
        self._held = versions
        self._merged = merged or {}
        self._deleted = deleted or {}

    def deletions(self, ids: Sequence[str]) -> dict[str, datetime]:
        return self._deleted

    def sharing(self, external_ids: Sequence[str]) -> list[Version]:
        return [version for version in self._held if version.external_id in external_ids]

    def merges(self, ids: Sequence[str] | None) -> dict[str, str]:
        return {key: target for key, target in self._merged.items() if ids is None or key in ids}


def version(profile_id: str, external_id: str | None = "EXT", trait_hash: str | None = "h") -> Version:
    return Version(profile_id, NOON - timedelta(days=1), trait_hash, external_id)


def holders(held: Standing, ask_user, ask=lambda _: None) -> Holders:
    return Holders(held, ask_user, ask)


def answers(**of_users: str):
    return lambda external_id: ProfileAnswer({"id": of_users[external_id]}, 0) if external_id in of_users else None


@pytest.mark.parametrize(("missing", "known", "share"), [(5, 100, 0.05), (0, 0, 0.0), (0, 10, 0.0), (10, 10, 1.0)])
def test_the_fuse_holds(missing: int, known: int, share: float) -> None:
    check_fuse(missing, known, share)


@pytest.mark.parametrize(("missing", "known", "share"), [(6, 100, 0.05), (1, 10, 0.0), (1, 10, 0.05)])
def test_the_fuse_blows_and_says_what_to_set(missing: int, known: int, share: float) -> None:
    with pytest.raises(FuseError, match=r"max_delete_share = ([\d.]+)") as blown:
        check_fuse(missing, known, share)
    set_to = float(str(blown.value).rsplit(" = ", 1)[1].rstrip("."))
    check_fuse(missing, known, set_to)


def test_one_that_a_complete_list_lacks_was_deleted() -> None:
    found = depart(["p"], {"p": version("p")}, Held(), holders(Held(), answers()), NOON, listed=True)
    assert found.deletions == [{"profile_id": "p", "detected_at": NOON}]
    assert found.gone == ["p"]
    assert [row["traits"] for row in found.ended] == [None]


@pytest.mark.parametrize("trait_hash", ["h", None])
def test_a_deletion_is_recorded_once_though_a_run_was_stopped_midway(trait_hash: str | None) -> None:
    held = Held(deleted={"p": NOON})
    found = depart(["p"], {"p": version("p", trait_hash=trait_hash)}, held, holders(held, answers()), NOON, listed=True)
    assert (found.gone, found.deletions) == (["p"], [])
    assert len(found.ended) == (trait_hash is not None)
    held = Held()
    found = depart(["p"], {"p": version("p", trait_hash=trait_hash)}, held, holders(held, answers()), NOON, listed=True)
    assert len(found.deletions) == 1


def test_without_a_complete_list_it_may_be_back() -> None:
    found = depart(["p"], {"p": version("p")}, Held(), holders(Held(), answers()), NOON, listed=False)
    assert (found.gone, found.deletions, found.merges, found.ended) == ([], [], [], [])


@pytest.mark.parametrize("listed", [True, False])
def test_one_whose_external_id_another_has_was_merged(listed: bool) -> None:
    found = depart(["p"], {"p": version("p")}, Held(), holders(Held(), answers(EXT="q")), NOON, listed=listed)
    assert [(row["profile_id"], row["merged_into"], row["external_id"]) for row in found.merges] == [("p", "q", "EXT")]
    assert (found.gone, found.deletions) == (["p"], [])
    again = depart(
        ["p"],
        {"p": version("p")},
        Held(merged={"p": "q"}),
        holders(Held(merged={"p": "q"}), answers(EXT="q")),
        NOON,
        listed=listed,
    )
    assert (again.gone, again.merges) == (["p"], []), "it is known already"


def test_one_that_cannot_be_decided_stays() -> None:
    def fails(_: str) -> None:
        raise GaveUpError("No answer.")

    found = depart(["p"], {"p": version("p")}, Held(), holders(Held(), fails), NOON, listed=True)
    assert (found.gone, found.deletions) == ([], [])
    assert found.undecided == {"p": "No answer."}


def test_what_is_not_the_profiles_fault_stops() -> None:
    def refused(_: str) -> None:
        raise AuthenticationError("The token was refused.")

    with pytest.raises(AuthenticationError):
        depart(["p"], {"p": version("p")}, Held(), holders(Held(), refused), NOON, listed=True)


def test_one_that_answers_by_its_external_id_alone_stays() -> None:
    found = depart(["p"], {"p": version("p")}, Held(), holders(Held(), answers(EXT="p")), NOON, listed=True)
    assert (found.gone, found.deletions, list(found.undecided)) == ([], [], ["p"])


def test_who_took_over_is_known_from_the_reading_without_a_question() -> None:
    found = holders(Held(), answers())
    found.add("q", "EXT")
    assert found.target("p", "EXT") == "q"


@pytest.mark.parametrize("all_read", [True, False])
def test_two_with_one_external_id_are_one(all_read: bool) -> None:
    held = Held([version("q"), version("gone", trait_hash=None), version("r")])
    shared = holders(held, answers(EXT="q"), lambda key: ProfileAnswer({"id": key, "externalId": "EXT"}, 0))
    shared.add("p", "EXT")
    if all_read:
        shared.add("q", "EXT")
    rows, undecided = shared.merges(["r"], NOON, all_read=all_read)
    assert [(row["profile_id"], row["merged_into"]) for row in rows] == [("p", "q")]
    assert undecided == {}


@pytest.mark.parametrize("read", [True, False])
def test_an_external_id_that_moved_on_is_no_merge(read: bool) -> None:
    # given that the destination says of `q` what was true before
    shared = holders(
        Held([version("q")]), answers(EXT="p"), lambda key: ProfileAnswer({"id": key, "externalId": "OTHER"}, 0)
    )
    shared.add("p", "EXT")
    if read:
        shared.add("q", "OTHER")
    assert shared.merges([], NOON, all_read=False) == ([], {})


def test_a_merge_that_is_known_costs_no_question() -> None:
    def asked(_: str) -> None:
        raise AssertionError("asked for nothing")

    shared = holders(Held(merged={"p": "q"}), asked)
    shared.add("p", "EXT")
    shared.add("q", "EXT")
    assert shared.merges([], NOON, all_read=True) == ([], {})


def test_one_alone_costs_no_question() -> None:
    def asked(_: str) -> None:
        raise AssertionError("asked for nothing")

    shared = holders(Held(), asked, asked)
    shared.add("p", "EXT")
    assert shared.merges([], NOON, all_read=False) == ([], {})
