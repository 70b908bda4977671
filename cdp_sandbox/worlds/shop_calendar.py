"""The shop's calendar: when its history begins, when the sandbox opens, and when its traits change type."""

import numpy as np
import numpy.typing as npt

from cdp_sandbox.instants import parse_millis
from cdp_sandbox.worlds.durations import DAY, HOUR

OPENS_AT = parse_millis("2026-03-01T00:00:00Z")
HISTORY_STARTS = OPENS_AT - 120 * DAY
ENDS_AT = OPENS_AT + 31 * DAY
"""An event received after this is no part of the world."""

POINTS_BECOME_TEXT = OPENS_AT - 20 * DAY
"""`loyaltyPoints` set from here on is a text with a thousands separator, before an integer."""
POINTS_BECOME_NULL = OPENS_AT + 15 * DAY
PLAN_BECOMES_OBJECT = OPENS_AT + 7 * DAY
"""`plan` set from here on is `{"name", "tier"}`, before a text."""
SURVEY_STARTS = OPENS_AT + 20 * DAY
"""`npsScore` and `survey answer` exist only in what is set from here on."""
FAX_REMOVED_AT = OPENS_AT + 12 * DAY
"""From this clock `faxNumber` is in nobody's traits: an attribute deleted in the account, without an event."""

NEWSLETTERS: npt.NDArray[np.int64] = np.arange(HISTORY_STARTS + 4 * DAY + 9 * HOUR, ENDS_AT, 7 * DAY, dtype=np.int64)
"""The weekly newsletters' instants: every subscribed customer's `Email Sent` has this very millisecond."""
