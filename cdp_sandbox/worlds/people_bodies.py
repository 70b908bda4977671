"""The people's events as JSON: the account-events answer's keys, and a few properties."""

from cdp_sandbox.instants import format_millis
from cdp_sandbox.world import Json, ProfileKey
from cdp_sandbox.worlds.people_feed import EVENT_NAMES, IDENTIFY, OPENED, PAGE, VIEWED
from cdp_sandbox.worlds.shop_catalogue import CATALOGUE, Product

ACTIONS = [name.lower().replace(" ", "_") for name in EVENT_NAMES]
CLIENT_ID, ACCOUNT_ID, BRAND_ID = "standin", "people", "PEOPLE"

_PAGES = ["/", "/tea", "/coffee?x=%20", "/häuser", "/basket"]


def ordered(reference: int) -> tuple[Product, int]:
    """The product of an order, and how many of it."""
    return CATALOGUE[reference % len(CATALOGUE)], 1 + reference // 64 % 3


def properties(kind: int, reference: int) -> Json:
    """The properties of an event that is no `identify`."""
    if kind == PAGE:
        path = _PAGES[reference % len(_PAGES)]
        return {"path": path, "url": "https://shop.example.com" + path, "referrer": ""}
    if kind == OPENED:
        campaign = f"NEWS-{reference % 26:02d}"
        return {"campaign_id": campaign, "email_subject": f"{campaign}: “Für Sie”"}
    product, quantity = ordered(reference)
    if kind == VIEWED:
        return product.properties() | {"currency": "GBP"}
    total = product.cents * quantity / 100
    order: Json = {"order_id": f"ORD-{reference}", "currency": "GBP", "total": total, "revenue": total, "coupon": None}
    return order | {"products": [product.properties() | {"quantity": quantity}]}


def body(
    event_id: str, kind: int, times: tuple[int, int], key: ProfileKey | None, reference: int, traits: Json | None
) -> Json:
    """The event as `/v1/events` shows it: `times` are when it happened and was received, `key` is None for nobody."""
    happened, received = map(format_millis, times)
    call_type = "page" if kind == PAGE else "identify" if kind == IDENTIFY else "track"
    context: Json = {"ip": f"192.0.2.{reference % 250}", "user_agent": "Mozilla/5.0 (Linux; Android 15)"}
    raw: Json = {"action": call_type, "event": EVENT_NAMES[kind], "context": context, "timestamp": happened}
    found: Json = {
        "eventId": event_id,
        "eventTime": happened,
        "receivedTime": received,
        "eventAction": ACTIONS[kind],
        "clientId": CLIENT_ID,
        "accountId": ACCOUNT_ID,
        "brandId": BRAND_ID,
        "source": "INTILERY" if kind == OPENED else "SEGMENT_API",
        "rawData": raw,
    }
    if key is None:
        found["anonymousId"] = raw["anonymousId"] = f"anon-{reference % 10**9:09d}"
    else:
        found |= {"customerId": key.id, "userId": key.external_id}
        raw["userId"] = key.external_id
    if traits is None:
        raw["properties"] = properties(kind, reference)
    else:
        raw["traits"] = traits
    return found
