"""What became of profiles that are not there any more."""

from collections.abc import Sequence
from datetime import UTC, datetime

import pytest

from cdp_client import AuthenticationError, GaveUpError
from intilery_source.departures import FuseError, SharedIdentifiers, check_fuse, depart
from intilery_source.standing import Standing, Version
from intilery_source.types import ProfileAnswer

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)


class Held(Standing):
    """A destination that holds what it is told."""

    def __init__(self, versions: Sequence[Version] = (), merged: dict[str, str] | None = None) -> None:
        super().__init__(None, "")
        self._held = versions
        self._merged = merged or {}

    def sharing(self, external_ids: Sequence[str]) -> list[Version]:
        return [version for version in self._held if version.external_id in external_ids]

    def merges(self, ids: Sequence[str] | None) -> dict[str, str]:
        return {key: target for key, target in self._merged.items() if ids is None or key in ids}


def version(profile_id: str, external_id: str | None = "EXT", trait_hash: str | None = "h") -> Version:
    return Version(profile_id, NOON, trait_hash, external_id)


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
    found = depart(["p"], {"p": version("p")}, Held(), answers(), NOON, listed=True)
    assert found.deletions == [{"profile_id": "p", "detected_at": NOON}]
    assert found.gone == ["p"]
    assert [row["traits"] for row in found.ended] == [None]


def test_one_that_was_found_before_is_not_recorded_again() -> None:
    found = depart(["p"], {"p": version("p", trait_hash=None)}, Held(), answers(), NOON, listed=True)
    assert (found.gone, found.deletions, found.ended) == (["p"], [], [])


def test_without_a_complete_list_it_may_be_back() -> None:
    found = depart(["p"], {"p": version("p")}, Held(), answers(), NOON, listed=False)
    assert (found.gone, found.deletions, found.merges, found.ended) == ([], [], [], [])


@pytest.mark.parametrize("listed", [True, False])
def test_one_whose_external_id_another_has_was_merged(listed: bool) -> None:
    found = depart(["p"], {"p": version("p")}, Held(), answers(EXT="q"), NOON, listed=listed)
    assert [(row["profile_id"], row["merged_into"], row["external_id"]) for row in found.merges] == [("p", "q", "EXT")]
    assert (found.gone, found.deletions) == (["p"], [])
    again = depart(["p"], {"p": version("p")}, Held(merged={"p": "q"}), answers(EXT="q"), NOON, listed=listed)
    assert (again.gone, again.merges) == (["p"], []), "it is known already"


def test_one_that_cannot_be_decided_stays() -> None:
    def fails(_: str) -> None:
        raise GaveUpError("No answer.")

    found = depart(["p"], {"p": version("p")}, Held(), fails, NOON, listed=True)
    assert (found.gone, found.deletions) == ([], [])
    assert found.undecided == {"p": "No answer."}


def test_what_is_not_the_profiles_fault_stops() -> None:
    def refused(_: str) -> None:
        raise AuthenticationError("The token was refused.")

    with pytest.raises(AuthenticationError):
        depart(["p"], {"p": version("p")}, Held(), refused, NOON, listed=True)


def test_two_with_one_external_id_are_one() -> None:
    shared = SharedIdentifiers(Held([version("q"), version("gone", trait_hash=None), version("r")]), answers(EXT="q"))
    shared.add("p", "EXT")
    rows, undecided = shared.merges(["r"], NOON)
    assert [(row["profile_id"], row["merged_into"]) for row in rows] == [("p", "q")]
    assert undecided == {}


def test_one_alone_costs_no_question() -> None:
    def asked(_: str) -> None:
        raise AssertionError("asked for nothing")

    shared = SharedIdentifiers(Held(), asked)
    shared.add("p", "EXT")
    assert shared.merges([], NOON) == ([], {})
