"""Spark for tests: quick to start and to plan, at the cost of speed over many rows."""

import os
import shutil
from typing import Any

import pytest

JVM = "-XX:TieredStopAtLevel=1 -XX:+UseSerialGC"
"""Half of a short program's time goes into compiling what runs but once."""


def needs_java() -> None:
    """Leave the test out where there is no Java."""
    if shutil.which("java") is None and not os.environ.get("JAVA_HOME"):
        pytest.skip("Spark needs Java: apt-get install default-jre-headless")


def quick_session() -> Any:
    """A session on one core that compiles no plan."""
    from pyspark.sql import SparkSession

    os.environ["SPARK_LOCAL_IP"] = "127.0.0.1"
    settings = {
        "spark.driver.host": "127.0.0.1",
        "spark.driver.bindAddress": "127.0.0.1",
        "spark.driver.memory": "1g",
        "spark.driver.extraJavaOptions": JVM,
        "spark.ui.enabled": "false",
        "spark.ui.showConsoleProgress": "false",
        "spark.log.level": "ERROR",
        "spark.sql.shuffle.partitions": "1",
        "spark.sql.adaptive.enabled": "false",
        "spark.sql.codegen.wholeStage": "false",
        "spark.sql.codegen.factoryMode": "NO_CODEGEN",
        # what an engine must not rely on, and not change
        "spark.sql.session.timeZone": "Asia/Tokyo",
    }
    builder = SparkSession.builder.master("local[1]")
    for name, value in settings.items():
        builder = builder.config(name, value)
    return builder.getOrCreate()
