"""One Spark session a test process: it takes seconds to start."""

from collections.abc import Iterator
from typing import Any

import pytest
import spark_sessions


@pytest.fixture(scope="session")
def spark_session() -> Iterator[Any]:
    spark_sessions.needs_java()
    session = spark_sessions.quick_session()
    yield session
    session.stop()
