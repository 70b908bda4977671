"""What the API says of profiles, before it becomes rows: erased people are left out, personal data are treated."""

from collections.abc import Callable
from typing import Any

from intilery_source.extraction import Extraction
from intilery_source.forgotten import Forgotten
from intilery_source.types import ProfileAnswer

Object = dict[str, Any]


class ProfileScreen:
    """Every JSON object of a profile passes here, once, under the API's own keys; safe to use from any thread."""

    def __init__(self, extraction: Extraction, forgotten: Forgotten) -> None:
        self._protection = extraction.protection
        self._forgotten = forgotten
        self.left_out: set[str] = set()
        """Profiles that a look-up showed to be an erased person's."""

    def passed(self, table: str, document: Object) -> Object | None:
        """The object as rows of `profiles`, `profile_traits` or `profile_meta` may hold it; None: leave it out."""
        if self._forgotten:
            if self._forgotten.is_profile(document):
                return None
            document = self._forgotten.blanked(document)
        return document if self._protection is None else self._protection.profile(table, document)

    def listed(self, document: Object) -> Object | None:
        """A listed profile that has passed."""
        return self.passed("profiles", document)

    def asking(self, table: str, ask: Callable[[str], ProfileAnswer | None]) -> Callable[[str], ProfileAnswer | None]:
        """A look-up whose answers have passed."""

        def asked(profile_id: str) -> ProfileAnswer | None:
            answer = ask(profile_id)
            if answer is None:
                return None
            found = self.passed(table, {"id": profile_id} | answer.value)
            if found is None:
                self.left_out.add(profile_id)
                return None
            return ProfileAnswer(found, answer.at)

        return asked
