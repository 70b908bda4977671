"""A world of many plain events, for volume: nothing is kept of an event but four numbers.

Events lie unevenly over 2024, some at one instant; one in a hundred arrives hours late and one in a thousand comes from
a clock that runs ahead. The first profiles have identifiers that are awkward in a URL.
"""

import numpy as np
import numpy.typing as npt

from cdp_sandbox.instants import format_millis, parse_millis
from cdp_sandbox.world import Json, Millis, ProfileKey

_HOUR = 3_600_000
_DAY = 24 * _HOUR
_OPENS = parse_millis("2024-01-01")
_DAYS = 366
_MASK = (1 << 64) - 1
_AWKWARD = ("ABC/123", "a b?c=d&e", "50%25#1", "plus+one@example.com", "äöü:ß", "..", "%2F", "x;y,z\\")
_EVENTS = (
    ("product_viewed", "Product Viewed", 0.45),
    ("product_added", "Product Added", 0.2),
    ("page", "page", 0.15),
    ("email_opened", "Email Opened", 0.1),
    ("order_completed", "Order Completed", 0.07),
    ("email_bounced", "Email Bounced", 0.03),
)
_BODY = (
    b'{"eventId":"%b","eventTime":"%b","receivedTime":"%b","eventAction":"%b","clientId":"flat","accountId":"flat",'
    b'"brandId":"FLAT",%b"source":"SEGMENT_API","rawData":{%b"action":"%b","event":"%b","context":{'
    b'"ip":"203.0.113.%d","user_agent":"Mozilla/5.0 (Macintosh; Intel Mac OS X 10_14_4) AppleWebKit/605.1.15 '
    b'(KHTML, like Gecko) Version/12.1 Safari/605.1.15","page":{"path":"/shop/category/product-%d",'
    b'"referrer":"https://www.example.com/search","title":"A product of our shop",'
    b'"url":"https://www.example.com/shop/category/product-%d"}},"properties":{"product_id":"p-%d",'
    b'"name":"A product of our shop","category":"category","price":%d.%02d,"currency":"GBP","quantity":%d,'
    b'"sequence":%d},"timestamp":"%b"}}'
)


class Flat:
    """`flat:N`: N events of N/50 profiles (10 at least, 100,000 at most)."""

    client_id = "flat"
    account_id = "flat"
    brand_id = "FLAT"

    def __init__(self, seed: int, events: int) -> None:
        self.name = f"flat:{events}"
        self._salt = (seed * 0x9E3779B97F4A7C15 + 0x1234567) & _MASK
        rng = np.random.default_rng(seed)
        self.event_time = _event_times(rng, events)
        lag = rng.integers(20, 3_000, size=events)
        late = rng.random(events) < 0.01
        lag[late] = (rng.exponential(6 * _HOUR, size=int(late.sum())) + _HOUR).astype(np.int64)
        ahead = rng.random(events) < 0.001
        lag[ahead] = -rng.integers(60_000, _HOUR, size=int(ahead.sum()))
        self.received_time: npt.NDArray[np.int64] = self.event_time + lag
        self.actions = [action for action, _, _ in _EVENTS]
        self.action = rng.choice(len(_EVENTS), size=events, p=[share for _, _, share in _EVENTS]).astype(np.int16)
        profiles = min(100_000, max(10, events // 50))
        self.profile = rng.integers(0, profiles, size=events, dtype=np.int32)
        self.profile[rng.random(events) < 0.05] = -1
        self.profiles = [self._profile(number) for number in range(profiles)]
        self._subjects = [
            b'"customerId":"%b","userId":%b,' % (key.id.encode(), _quoted(key.external_id)) for key in self.profiles
        ]
        self._users = [b'"userId":%b,' % _quoted(key.external_id) for key in self.profiles]
        self.opens_at: Millis = int(max(self.received_time.max(), _OPENS + _DAYS * _DAY)) + 1000
        self.ends_at: Millis = self.opens_at

    def event_id(self, index: int) -> str:
        """An identifier that looks random and is computed from the index."""
        return self._uuid(index)

    def event_body(self, index: int) -> bytes:
        """About 930 bytes of JSON."""
        _, name, _ = _EVENTS[self.action[index]]
        profile = int(self.profile[index])
        happened = int(self.event_time[index])
        time = format_millis(happened).encode()
        if profile >= 0:
            subject, user = self._subjects[profile], self._users[profile]
        else:
            subject = user = b'"anonymousId":"%b",' % self._uuid(index, other=1).encode()
        product = (index * 7919) % 5000
        return _BODY % (
            self.event_id(index).encode(),
            time,
            format_millis(int(self.received_time[index])).encode(),
            self.actions[self.action[index]].encode(),
            subject,
            user,
            b"page" if name == "page" else b"track",
            name.encode(),
            index % 256,
            product,
            product,
            product,
            product % 90 + 1,
            index % 100,
            index % 3 + 1,
            index,
            time,
        )

    def traits(self, profile: int, clock: Millis) -> Json:
        """A few traits of which none ever changes."""
        return {
            "firstName": f"First{profile}",
            "lastName": f"Last{profile % 97}",
            "phone": f"+44{profile:09d}",
            "marketingPreferences": {
                "channels": [
                    {"channel": "email", "subscribed": profile % 2 == 0},
                    {"channel": "sms", "subscribed": profile % 3 == 0},
                ]
            },
        }

    def computed(self, profile: int, clock: Millis) -> Json:
        """One number that changes every 30 minutes, without an event."""
        return {"daysKnown": (clock // (30 * 60_000) * (30 * 60_000) - self.profiles[profile].created) // _DAY}

    def provenance(self, profile: int) -> Json:
        """Where the profile came from."""
        return {
            "createdBy": {
                "type": "api",
                "createdTime": format_millis(self.profiles[profile].created),
            },
            "audiencesStatic": ["everyone"],
            "_subscriptionId": self._uuid(profile, other=2),
        }

    def _profile(self, number: int) -> ProfileKey:
        external_id = _AWKWARD[number] if number < len(_AWKWARD) else f"customer-{number:06d}"
        email = None if number % 7 == 5 else f"person+{number - (number % 20 == 9)}@example.com"
        return ProfileKey(self._uuid(number, other=3), external_id, email, created=_OPENS - _DAY)

    def _uuid(self, number: int, other: int = 0) -> str:
        """A UUID of version 4 by form: two steps of SplitMix64, so that different numbers never meet."""
        high = _mixed(number * 8 + other + self._salt)
        low = _mixed(high + 0x9E3779B97F4A7C15)
        return "%08x-%04x-4%03x-8%03x-%012x" % (  # noqa: UP031 - the quickest way to write it
            high >> 32,
            high >> 16 & 0xFFFF,
            low >> 48 & 0xFFF,
            high & 0xFFF,
            (low & 0x0FFFFFFFFFFF) | (high >> 12 & 0xF) << 44,
        )


def _mixed(value: int) -> int:
    value &= _MASK
    value = ((value ^ value >> 30) * 0xBF58476D1CE4E5B9) & _MASK
    value = ((value ^ value >> 27) * 0x94D049BB133111EB) & _MASK
    return value ^ value >> 31


def _quoted(text: str) -> bytes:
    return b'"' + text.replace("\\", "\\\\").replace('"', '\\"').encode() + b'"'


def _event_times(rng: np.random.Generator, events: int) -> npt.NDArray[np.int64]:
    """Sorted instants: days differ tenfold, afternoons are busy, one event in fifty shares an instant."""
    weights = rng.lognormal(0.0, 0.8, size=_DAYS)
    days = rng.choice(_DAYS, size=events, p=weights / weights.sum())
    of_day = (rng.beta(4.0, 2.5, size=events) * _DAY).astype(np.int64)
    times = np.sort(_OPENS + days * _DAY + of_day)
    shared = np.flatnonzero(rng.random(events) < 0.02)
    shared = shared[shared > 0]
    times[shared] = times[shared - 1]
    return np.sort(times)
