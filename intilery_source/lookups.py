"""Looking profiles up, many at a time, without letting one that fails fail the load."""

import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor

from cdp_client import ExtractorError, GaveUpError, NotFoundError, RefusedError, TooLargeError, UnexpectedAnswerError
from intilery_source.types import ProfileAnswer

_MAX_FAILURES_IN_A_ROW = 20
"""So many failed look-ups one after the other are no longer the profiles' fault: no more are tried in this run."""

PUT_ASIDE = (GaveUpError, NotFoundError, RefusedError, TooLargeError, UnexpectedAnswerError)
"""What one profile may fail with, without failing the others."""


class Lookups:
    """Asks one question about many profiles."""

    def __init__(self, ask: Callable[[str], ProfileAnswer | None], max_in_flight: int) -> None:
        self._ask = ask
        self._pool = ThreadPoolExecutor(max_workers=max_in_flight, thread_name_prefix="lookup")
        self._lock = threading.Lock()
        self._failures_in_a_row = 0
        self._stopped = False
        self.failed: dict[str, str] = {}
        """The profiles that could not be looked up, with the reason."""
        self.gone: set[str] = set()
        """The profiles that do not exist."""

    def close(self) -> None:
        """Wait for nothing that has not begun."""
        self._pool.shutdown(wait=True, cancel_futures=True)

    def answers(self, ids: Sequence[str]) -> Iterator[tuple[str, ProfileAnswer]]:
        """Ask about all `ids` at once; the iterator waits for the answers, in their order, of the profiles that exist.

        Iterating raises ExtractorError for what stops a run, such as a token that is refused.
        """
        return self._answers(ids, self._pool.map(self._outcome, ids))

    def _answers(
        self, ids: Sequence[str], outcomes: Iterator[ProfileAnswer | ExtractorError | None]
    ) -> Iterator[tuple[str, ProfileAnswer]]:
        for profile_id, outcome in zip(ids, outcomes, strict=True):
            if isinstance(outcome, ExtractorError):
                self.failed[profile_id] = str(outcome)
                continue
            self.failed.pop(profile_id, None)
            if outcome is None:
                self.gone.add(profile_id)
            else:
                yield profile_id, outcome

    def _outcome(self, profile_id: str) -> ProfileAnswer | ExtractorError | None:
        if self._stopped:
            return GaveUpError(
                f"Not tried: {_MAX_FAILURES_IN_A_ROW} look-ups before it had failed one after the other."
            )
        try:
            answer = self._ask(profile_id)
        except PUT_ASIDE as error:
            with self._lock:
                self._failures_in_a_row += 1
                self._stopped = self._stopped or self._failures_in_a_row >= _MAX_FAILURES_IN_A_ROW
            return error
        with self._lock:
            self._failures_in_a_row = 0
        return answer
