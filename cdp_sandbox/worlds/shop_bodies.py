"""The shop's events as JSON: the account-events answer's keys, and retail properties.

Keys of the envelope are those of the Profiles API, "Get a Customer's Events"; the names of properties are those of
Segment's e-commerce events, which the vendor's schema pages follow.
"""

from cdp_sandbox.instants import format_millis
from cdp_sandbox.world import Json
from cdp_sandbox.worlds.identifiers import Identifiers, identifier_text
from cdp_sandbox.worlds.shop_behaviour import (
    ADDED,
    BOUNCED,
    CHECKOUT,
    CLICKED,
    DELIVERED,
    EVENT_NAMES,
    IDENTIFY,
    OPENED,
    ORDER,
    PAGE,
    REFUND,
    SENT,
    SIGN_UP,
    UNSUBSCRIBED,
    VIEWED,
    WELCOME,
    Happenings,
)
from cdp_sandbox.worlds.shop_catalogue import CATALOGUE
from cdp_sandbox.worlds.shop_customers import Customers
from cdp_sandbox.worlds.shop_traits import TraitChanges, changed_traits, initial_traits

ACTIONS = [name.lower().replace(" ", "_") for name in EVENT_NAMES]
CLIENT_ID, ACCOUNT_ID, BRAND_ID = "standin", "shop", "SHOP"

_MAIL = frozenset({SENT, DELIVERED, OPENED, CLICKED, BOUNCED})
_PAGES = ["/", "/tea", "/coffee", "/sale?utm_source=mail&x=%20", "/häuser", "/basket", "/help", "/login"]
_AGENTS = [
    "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_14_4) AppleWebKit/605.1.15 (KHTML, like Gecko)",
    "Mozilla/5.0 (Linux; Android 15) AppleWebKit/537.36",
    "curl/8.5.0",
]


class Basket:
    """What one visit ordered: its products and its money, in whole cents."""

    def __init__(self, happenings: Happenings, visit: int) -> None:
        rows = slice(int(happenings.basket_start[visit]), int(happenings.basket_start[visit + 1]))
        self.products: list[int] = happenings.reference[rows].tolist()
        self.quantities: list[int] = happenings.quantity[rows].tolist()
        pairs = zip(self.products, self.quantities, strict=True)
        self.revenue: int = sum(CATALOGUE[product].cents * quantity for product, quantity in pairs)
        self.discount = self.revenue // 10 if visit % 7 == 0 else 0
        self.shipping = 0 if self.revenue >= 3000 else 395

    @property
    def total(self) -> int:
        """What the customer pays."""
        return self.revenue - self.discount + self.shipping

    def listed(self) -> list[Json]:
        """The `products[]` of an order."""
        pairs = zip(self.products, self.quantities, strict=True)
        return [CATALOGUE[product].properties() | {"quantity": quantity} for product, quantity in pairs]


def _order_id(visit: int) -> str:
    return f"ORD-{10_000 + visit}"


def _page(number: int) -> Json:
    path = _PAGES[number % len(_PAGES)]
    url = "https://shop.example.com" + path
    return {"path": path, "referrer": "", "search": "", "title": f"Shop – {path}", "url": url}


class ShopBodies:
    """Bodies of happenings, built on demand; the entropy of the small things is the event's identifier."""

    def __init__(
        self, customers: Customers, changes: TraitChanges, happenings: Happenings, ids: Identifiers, seeds: list[int]
    ) -> None:
        self._customers = customers
        self._changes = changes
        self._happenings = happenings
        self._ids = ids
        self._seeds = seeds

    def starting_traits(self, profile: int) -> Json:
        """What the customer was created with."""
        return initial_traits(self._customers, self._changes, profile, self._seeds[profile])

    def _properties(self, kind: int, reference: int, row: int, entropy: int) -> Json:
        if kind == PAGE:
            return _page(reference)
        if kind in (VIEWED, ADDED):
            product = CATALOGUE[reference]
            found: Json = product.properties() | {"url": f"https://shop.example.com/p/{product.sku}", "currency": "GBP"}
            if kind == ADDED:
                found |= {"cart_id": f"cart-{entropy % 10**6}", "quantity": int(self._happenings.quantity[row])}
            return found
        if kind in (CHECKOUT, ORDER, REFUND):
            basket = Basket(self._happenings, reference)
            found = {"order_id": _order_id(reference), "currency": "GBP"}
            if kind == CHECKOUT:
                return found | {"value": basket.revenue / 100, "products": basket.listed()}
            found |= {"total": basket.total / 100, "revenue": basket.revenue / 100}
            if kind == REFUND:
                return found | {"reason": ["faulty", "changed my mind", "zu spät"][entropy % 3]}
            coupon = "SAVE10%" if basket.discount else None
            found |= {"shipping": basket.shipping / 100, "discount": basket.discount / 100, "coupon": coupon}
            return found | {"products": basket.listed()}
        if kind == UNSUBSCRIBED:
            return {"channel": "email", "reason": ["too many", "not relevant", ""][entropy % 3]}
        newsletter = "WELCOME" if reference == WELCOME else f"NEWS-{reference:02d}"
        found = {"campaign_id": newsletter, "email_id": newsletter.lower(), "email_subject": f"{newsletter}: “Für Sie”"}
        if kind == CLICKED:
            found["url"] = f"https://shop.example.com/?utm_campaign={newsletter}&q=a+b"
        if kind == BOUNCED:
            found["bounce_type"] = ["hard", "soft"][entropy % 2]
        return found

    def _identify_traits(self, reference: int, profile: int) -> Json:
        if reference != SIGN_UP:
            return changed_traits(self._changes, reference)
        email = self._customers.keys[profile].email
        return self.starting_traits(profile) | ({} if email is None else {"email": email})

    def build(self, row: int, event_time: int, received_time: int, profile: int) -> Json:
        """The event as `/v1/events` shows it, without oddities; `profile` is -1 for an anonymous one."""
        happenings, entropy = self._happenings, int(self._ids[row, 0])
        kind, reference = int(happenings.kind[row]), int(happenings.reference[row])
        time = format_millis(event_time)
        context: Json = {"ip": f"192.0.2.{entropy % 250}", "user_agent": _AGENTS[entropy % len(_AGENTS)]}
        raw: Json = {"action": "page" if kind == PAGE else "identify" if kind == IDENTIFY else "track"}
        raw |= {"event": EVENT_NAMES[kind], "context": context, "timestamp": time}
        body: Json = {
            "eventId": identifier_text(self._ids, row),
            "eventTime": time,
            "receivedTime": format_millis(received_time),
            "eventAction": ACTIONS[kind],
            "clientId": CLIENT_ID,
            "accountId": ACCOUNT_ID,
            "brandId": BRAND_ID,
            "source": "INTILERY" if kind in _MAIL else "SEGMENT_API",
            "rawData": raw,
        }
        if profile < 0 or (kind == PAGE and entropy % 3 == 0):
            body["anonymousId"] = raw["anonymousId"] = f"anon-{entropy % 10**9:09d}"
        if profile >= 0:
            key = self._customers.keys[profile]
            body |= {"customerId": key.id, "userId": key.external_id}
            raw["userId"] = key.external_id
            if key.email is not None:
                context["traits"] = {"email": key.email}
        if kind == IDENTIFY:
            raw["traits"] = self._identify_traits(reference, profile)
        else:
            raw["properties"] = self._properties(kind, reference, row, entropy)
        if kind == PAGE:
            context["page"] = _page(reference)
        if kind in _MAIL:
            raw["sendType"] = "email"
        return body
