"""How fast, how heavy and how close to the API's limit a load is, beside what one would otherwise run.

`python -m benchmarks --help` lists what there is; `RESULTS.md` keeps the last run of each.
"""
