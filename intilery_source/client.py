"""The routes of the Intilery API: what to ask, and the shape of what comes back."""

from collections.abc import Mapping
from functools import partial
from typing import Literal
from urllib.parse import quote

import msgspec

from cdp_client import NotFoundError, Statistics, Transport
from cdp_client.rate_limit import bucket_of
from cdp_client.transport import now_of
from intilery_source import event_pages, instants
from intilery_source.settings import Settings
from intilery_source.types import EventPage, ListedPage, ProfileAnswer, Query

IdType = Literal["userId", "email", "id"]
ID_TYPES: tuple[IdType, ...] = ("userId", "email", "id")

_PROFILES = "/v1/profiles"
_EVENTS = "/v1/events"
NOT_FOUND = "not_found"
"""The error code of a profile that does not exist; any other 404 is a route that does not."""

_DECODE = partial(event_pages.decode, of_profiles=False)
_DECODE_OF_PROFILES = partial(event_pages.decode, of_profiles=True)


class IntileryClient:
    """One account's API; safe to use from any thread. Closing it closes its connections."""

    def __init__(self, settings: Settings, statistics: Statistics) -> None:
        account = "/".join(
            quote(part, safe="") for part in (settings.client_id, settings.account_id, settings.brand_id)
        )
        self._transport = Transport(
            f"{settings.base_url.rstrip('/')}/{account}",
            {
                "auth-token": settings.auth_token,
                # "You must provide a content-type header", also on GET (Profiles API, "Headers")
                "content-type": "application/json",
                "accept": "application/json",
                "accept-encoding": "gzip",
                "user-agent": "customer-platform-extractor",
            },
            bucket=bucket_of(
                (settings.base_url, settings.client_id, settings.account_id),
                settings.requests_per_second,
                settings.burst,
            ),
            statistics=statistics,
            timeout=settings.request_timeout,
            max_in_flight=settings.max_in_flight,
        )
        self._meta_route: str | None = None

    def close(self) -> None:
        self._transport.close()

    def list_profiles(self, scroll_id: str | None) -> ListedPage:
        """The first page of all profiles, or the next one of a scroll (Profiles API, "Listing all Customer Profiles").

        Both spellings of the parameter are sent: the document has `scrollid`, the vendor's correction `scrollId`, and
        a server that does not know the one that it gets answers with the first page again.
        """
        fields = {} if scroll_id is None else {"scrollId": scroll_id, "scrollid": scroll_id}
        try:
            answer = self._transport.get(_PROFILES, _PROFILES, fields)
        except NotFoundError as error:
            if scroll_id is None and error.code != NOT_FOUND:
                raise
            ended = error.code == NOT_FOUND
            return ListedPage([], None, ended=ended, expired=not ended, doubtful=error.doubtful)
        listed = answer.elements("data")
        following = msgspec.json.decode(answer.members().get("scrollId", b"null"))
        return ListedPage(
            listed,
            following if isinstance(following, str) else None,
            ended=not listed,
            expired=False,
            doubtful=answer.doubtful,
        )

    def traits(self, profile_id: str) -> ProfileAnswer | None:
        """A profile's current traits, None where it does not exist (Profiles API, "Get a Profile's Traits")."""
        return self._profile_object(profile_id, "traits")

    def traits_of_user(self, external_id: str) -> ProfileAnswer | None:
        """The traits of the profile that has this `externalId` now, None where there is none."""
        return self._object("userId", external_id, "traits", "externalId", named=True)

    def meta(self, profile_id: str) -> ProfileAnswer | None:
        """A profile's metadata, None where the profile does not exist (Profiles API, "Get a Customer's Metadata").

        The document names the route `/meta` and `/metadata`: the one that exists is remembered.
        """
        if self._meta_route is not None:
            return self._profile_object(profile_id, self._meta_route)
        try:
            found = self._profile_object(profile_id, "meta")
        except NotFoundError:  # an unknown route: a missing profile is None
            found = self._profile_object(profile_id, "metadata")
            self._meta_route = "metadata"
            return found
        if found is not None:
            self._meta_route = "meta"
        return found

    def permit(self) -> None:
        """Wait for the rate limit's permission, and take it for a request to come."""
        self._transport.permit()

    def now(self) -> instants.Millis:
        """The platform's clock."""
        return self.events(Query(size=1, ascending=False)).now

    def events(self, query: Query, *, permitted: bool = False) -> EventPage:
        """A page of the account's events (Events API); `permitted` where `permit` has been called for it."""
        answer = self._transport.get(_EVENTS, _EVENTS, _fields(query), _DECODE, permitted=permitted)
        return event_pages.read_page(answer, of_profiles=False)

    def profile_events(self, id_type: IdType, value: str, query: Query, *, permitted: bool = False) -> EventPage:
        """A page of the events of the profiles that an identifier names (Profiles API, "Get a Customer's Events").

        Raises:
            NotFoundError: there is no such profile (`code` is `not_found`).
        """
        answer = self._transport.get(*_profile_route(id_type, value, "events"), _fields(query), permitted=permitted)
        return event_pages.read_page(answer, of_profiles=True)

    def _profile_object(self, profile_id: str, what: str) -> ProfileAnswer | None:
        return self._object("id", profile_id, what, "id")

    def _object(self, id_type: IdType, value: str, what: str, key: str, *, named: bool = False) -> ProfileAnswer | None:
        """What a profile's route answers; where the answer has `key`, it must be the value that was asked for.

        With `named`, it must have an `id`.
        """
        try:
            answer = self._transport.get(*_profile_route(id_type, value, what), {})
        except NotFoundError as error:
            if error.code == NOT_FOUND:
                return None
            raise
        found = answer.object()
        if found.get(key, value) != value:
            raise answer.unexpected("answered with another profile than the one asked for")
        if named and not isinstance(found.get("id"), str):
            raise answer.unexpected("answered with a profile that has no id")
        return ProfileAnswer(found, now_of(answer))


def _profile_route(id_type: IdType, value: str, what: str) -> tuple[str, str]:
    """The route's template, and its path with the identifier percent-encoded to the last character."""
    return f"{_PROFILES}/{{idType}}:{{id}}/{what}", f"{_PROFILES}/{id_type}:{quote(value, safe='')}/{what}"


def _fields(query: Query) -> Mapping[str, str]:
    fields = {"sort": "asc" if query.ascending else "desc", "size": str(query.size), "from": str(query.skip)}
    if query.start is not None:
        fields["start"] = instants.write(query.start)
    if query.end is not None:
        fields["end"] = instants.write(query.end)
    if query.include is not None:
        fields["include"] = query.include
    if query.exclude:
        fields["exclude"] = ",".join(query.exclude)
    return fields
