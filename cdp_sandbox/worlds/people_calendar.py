"""The people's calendar: a long history, and a month to be loaded once a day."""

from cdp_sandbox.instants import parse_millis
from cdp_sandbox.worlds.durations import DAY

OPENS_AT = parse_millis("2026-03-01T00:00:00Z")
HISTORY_STARTS = OPENS_AT - 180 * DAY
DAYS = 30
ENDS_AT = OPENS_AT + DAYS * DAY
"""An event received after this is no part of the world; loads at the opening and on each day to here are 31."""

SIGN_UP_DELAY = 400
"""Milliseconds until a sign-up is received: the profile begins then."""
