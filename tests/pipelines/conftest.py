"""Accounts of a few profiles and events, written by hand."""

from collections.abc import Iterator

import pytest
from scripted_api import ScriptedApi, event, serving


@pytest.fixture
def api() -> Iterator[ScriptedApi]:
    """Three events and two profiles, whose traits hold lists."""
    script = ScriptedApi([event(number) for number in range(3)], [{"id": "p1"}, {"id": "p2"}])
    with serving(script):
        yield script
