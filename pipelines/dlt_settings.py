"""What dlt must do for these tables, wherever the command is run. The environment's own values win."""

import os

SETTINGS = {
    # `_dlt_load_id` also on the tables that are written as Arrow
    "NORMALIZE__PARQUET_NORMALIZER__ADD_DLT_LOAD_ID": "true",
    # no copies of customers' data in the working folder or in staging tables after a load
    "LOAD__DELETE_COMPLETED_JOBS": "true",
    "LOAD__TRUNCATE_STAGING_DATASET": "true",
    # rows that are objects wait in memory for as many to write them at once; the default of 5,000 takes 200 MB
    "DATA_WRITER__BUFFER_MAX_ITEMS": "100",
    # dlt would report each run to its makers
    "RUNTIME__DLTHUB_TELEMETRY": "false",
    # its messages may quote data; what matters is said by `pipelines.failures`
    "RUNTIME__LOG_LEVEL": "CRITICAL",
}


def apply() -> None:
    """Set what is not set yet."""
    for name, value in SETTINGS.items():
        os.environ.setdefault(name, value)
