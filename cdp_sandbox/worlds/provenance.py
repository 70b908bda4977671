"""What the metadata of a profile says of where it came from, in the worlds whose accounts know subscriptions."""

import base64
from typing import Any

from cdp_sandbox.instants import format_millis
from cdp_sandbox.world import Json, World


def provenance(world: World, profile: int, audiences: list[str], **created_by: Any) -> Json:
    """The answer of `World.provenance`; `created_by` goes beside the profile's own time of creation."""
    key = world.profiles[profile]
    subscription = f"{world.client_id}:{world.account_id}:{key.id}".encode()
    return {
        "createdBy": {"createdTime": format_millis(key.created), **created_by},
        "audiencesStatic": audiences,
        "_subscriptionId": base64.b64encode(subscription).decode(),
    }


def board(profile: int) -> list[str]:
    """The audiences of a profile where every third is on the board."""
    return ["audience_board"] if profile % 3 == 0 else []
