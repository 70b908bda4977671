"""The shipped set with labels, as `build` computes it.

Run as a program: the DuckDB file, then cutoffs as dates. Prints the number of rows and features.
"""

import sys

from customer_features import Inactivity, build
from customer_features.standard import ORDERS, standard


def main() -> None:
    label = Inactivity(ORDERS, horizon="28d", at_risk="365d")
    with build(standard(traits=["plan"]), label, cutoffs=sys.argv[2:], on=sys.argv[1]) as data:
        print(data.ibis().count().to_pyarrow().as_py(), len(data.features.features))


if __name__ == "__main__":
    main()
