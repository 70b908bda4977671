"""An account of two people, one of whom is to be forgotten: what the API shows of them, in every place there is."""

import json
from typing import Any

from scripted_api import ScriptedApi, event

ID, EXTERNAL, EMAIL, ANONYMOUS = "pid-zebra-1", "ext-zebra-1", "Zebra.One@example.com", "anon-zebra-1"
OTHER_ID, OTHER_EMAIL = "pid-okapi-2", "okapi.two@example.com"
PERSONAL = {
    "id": ID, "external": EXTERNAL, "email": EMAIL.lower(), "anonymous": ANONYMOUS, "first name": "Zebrina-first",
    "channel": "zebra-channel", "property": "zebra-property", "nested": "zebra-nested-list", "trait": "zebra-trait",
    "extra": "zebra-extra", "context": "zebra-context", "whole": "zebra-whole", "bound": "zebra-bound",
    "meta": "zebra-audience", "history": "zebra-history", "derived": "zebra-derived", "anonymous event": "zebra-visit",
    "unknown visitor": "zebra-newsletter", "late": "zebra-late", "raw": "zebra-raw-only",
}  # fmt: skip
"""Every value that nothing may hold once the person is forgotten."""
KEY = "a key of sixteen characters"


def traits(profile: str) -> dict[str, Any]:
    if profile == ID:
        return {
            "id": ID, "externalId": EXTERNAL, "email": EMAIL, "firstName": PERSONAL["first name"],
            "channels": [{"channel": PERSONAL["channel"], "tags": [PERSONAL["nested"]]}], "plan": "gold",
        }  # fmt: skip
    if profile.startswith("pid-zebra"):
        return {"id": profile, "email": EMAIL, "note": PERSONAL["late"]}
    return {
        "id": profile, "externalId": "ext-okapi-2", "email": OTHER_EMAIL, "firstName": "Okapi",
        "friend": f"invited by {EMAIL}", "channels": [{"channel": "okapi-channel", "tags": ["okapi-tag"]}],
    }  # fmt: skip


def account_events() -> list[dict[str, Any]]:
    own = {"customerId": ID, "userId": EXTERNAL, "anonymousId": ANONYMOUS}
    return [
        event(1, **own, further=PERSONAL["extra"], rawData={
            "event": "Order", "properties": {"note": PERSONAL["property"], "items": [[PERSONAL["nested"]]]},
            "context": {"page": PERSONAL["context"]}, "traits": {"a": PERSONAL["trait"]}, "odd": PERSONAL["extra"]}),
        event(2, customerId=None, userId=None, anonymousId=ANONYMOUS,
              rawData={"event": "page", "properties": {"url": PERSONAL["anonymous event"]}}),
        event(3, customerId=None, userId=None, rawData={
            "event": "signup", "traits": {"email": EMAIL.upper(), "x": PERSONAL["unknown visitor"]}}),
        event(4, **own, rawData=PERSONAL["whole"]),
        event(5, customerId=None, userId=EMAIL, rawData={"event": "page", "properties": {"a": PERSONAL["property"]}}),
        event(6, customerId=None, userId=None, rawData={"userId": EXTERNAL, "event": "page", "x": PERSONAL["raw"]}),
        event(7, customerId=OTHER_ID, userId="ext-okapi-2", anonymousId=ANONYMOUS, rawData={
            "event": "Invited", "properties": {"to": f"<{EMAIL}>\n{EMAIL}", "from": OTHER_EMAIL, "n": 1.50}}),
        event(8, customerId=OTHER_ID, userId="ext-okapi-2", rawData={
            "event": "page", "context": {"url": "https://x/?e=zebra.one%40example.com&k=1"}}),
        event(9, customerId=OTHER_ID, userId="ext-okapi-2", rawData={"event": "page", "properties": {"kept": "okapi"}}),
        event(10, customerId=None, userId=None, rawData={"event": "page", "properties": {"kept": "nobody"}}),
    ]  # fmt: skip


def api() -> ScriptedApi:
    """The account; its profiles show nothing but their id in the list."""
    served = ScriptedApi(account_events(), [{"id": ID}, {"id": OTHER_ID}])

    def answer(route: str, profile: str) -> tuple[int, bytes] | None:
        if route not in ("traits", "meta"):
            return None
        found = traits(profile)
        if route == "meta":
            first = {"eventId": "e", "eventTime": "2026-01-01T00:00:00.000Z", "a": PERSONAL["bound"]}
            mine = profile == ID
            found |= {"audiencesStatic": [PERSONAL["meta"] if mine else "okapi-audience"]}
            found |= {"firstEvent": {"order": first if mine else {"eventId": "e2"}}, "lastEvent": {}}
        return 200, json.dumps(found).encode()

    served.fault = answer
    return served


DERIVED = f"""
    CREATE SCHEMA customer_tables;
    CREATE TABLE customer_tables.customers AS SELECT id AS customer_id, '{PERSONAL["derived"]}' AS name
        FROM intilery.profiles WHERE id = '{ID}';
    INSERT INTO customer_tables.customers VALUES ('{OTHER_ID}', 'okapi');
    CREATE TABLE customer_tables.customer_identifiers AS
        SELECT 'email' AS id_type, '{EMAIL}' AS id_value, NULL AS customer_id;
    CREATE VIEW customer_tables.orders AS SELECT * FROM intilery.events WHERE event_name = 'Order';
    INSERT INTO intilery.profile_trait_history BY NAME SELECT '{ID}' AS profile_id, TIMESTAMPTZ '2020-01-01' AS
        observed_at, 'old' AS trait_hash, '{{"was": "{PERSONAL["history"]}"}}'::JSON AS traits, '0' AS _dlt_load_id;
    CREATE TABLE intilery.profile_merges AS SELECT 'pid-zebra-old' AS profile_id, '{ID}' AS merged_into;
"""
"""What others make of it in the same file."""
