# mypy: disable-error-code=union-attr
"""The shipped set with labels, as `build` computes it on Spark.

Run as a program: the folder of the canonical tables, then cutoffs as dates. Prints the number of rows and features, and
the CPU seconds and peak bytes of Spark's Java process, which is not waited for and so counts nowhere else.
"""

import os
import sys
from pathlib import Path
from typing import Any

from pyspark import SparkContext

from customer_features import Inactivity, build
from customer_features.engine_spark import SparkEngine
from customer_features.standard import ORDERS, standard


def main() -> None:
    label = Inactivity(ORDERS, horizon="28d", at_risk="365d")
    with build(standard(traits=["plan"]), label, cutoffs=sys.argv[2:], on=SparkEngine(sys.argv[1])) as data:
        print(data.arrow().num_rows, len(data.features.features), *_java())


def _java() -> tuple[float, int]:
    gateway: Any = SparkContext._gateway
    process = Path("/proc") / str(gateway.proc.pid)
    # the name of the program, in brackets, may hold spaces; CPU times are the 14th and 15th field
    fields = (process / "stat").read_text().rpartition(")")[2].split()
    ticks = int(fields[11]) + int(fields[12])
    peak = next(line for line in (process / "status").read_text().splitlines() if line.startswith("VmHWM"))
    return ticks / os.sysconf("SC_CLK_TCK"), int(peak.split()[1]) * 1024


if __name__ == "__main__":
    main()
