"""dlt's filesystem destination with Delta tables that are merged, and read, as tables of a database are.

Of dlt's own Delta support it replaces three things (docs/decisions/0012): nested rows that are gone are removed, state
is written at once or not at all, and reading needs no extension that DuckDB would download.
"""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, cast

from dlt.common.destination import DestinationCapabilitiesContext
from dlt.common.destination.client import HasFollowupJobs, LoadJob, RunnableLoadJob
from dlt.common.destination.typing import PreparedTableSchema
from dlt.common.destination.utils import get_merge_compare_columns
from dlt.common.libs.deltalake import deltalake_storage_options
from dlt.common.schema import Schema
from dlt.common.schema.typing import TLoaderMergeStrategy, TTableSchema
from dlt.common.schema.utils import (
    get_columns_names_with_prop,
    get_first_column_name_with_prop,
    get_nested_tables,
    get_root_table,
)
from dlt.common.storages.load_package import ParsedLoadJobFileName
from dlt.destinations.impl.filesystem.factory import filesystem
from dlt.destinations.impl.filesystem.filesystem import FilesystemClient, ReferenceFollowupJob
from dlt.destinations.impl.filesystem.sql_client import FilesystemSqlClient
from dlt.destinations.job_impl import FinalizedLoadJob
from dlt.destinations.sql_client import SqlClientBase

from pipelines.delta_merge import Merge, merge, stale_ids
from pipelines.delta_replacement import finish
from pipelines.delta_table import DeltaPlace, select

_STRATEGIES: tuple[TLoaderMergeStrategy, ...] = ("upsert", "insert-only")


class DeltaSqlClient(FilesystemSqlClient):
    """Reads the files of the current version of each table, without DuckDB's extensions."""

    remote_client: "DeltaClient"

    def create_secret(self, *args: Any, **kwargs: Any) -> bool:
        """Have DuckDB read a bucket through fsspec, which needs neither a secret nor an extension."""
        protocol = self.remote_client.config.protocol
        if protocol != "file":
            self._register_filesystem(self.remote_client.fs_client, protocol)
        return True

    def should_replace_view(self, view_name: str, table_schema: PreparedTableSchema) -> bool:
        """Always: a view shows the version that it was made of."""
        return True

    def create_view_select(
        self, table_schema: PreparedTableSchema, schema: Schema | None = None
    ) -> tuple[str, str] | None:
        """The view's query, over the table's files of this moment."""
        name = str(table_schema["name"])
        if name in self.schema.dlt_table_names():
            return super().create_view_select(table_schema, schema or self.schema)
        place = self.remote_client.place_of(name)
        table = place.table()
        if table is None:
            return None
        return place.location, select(table, list(table_schema["columns"]))


class TakenJob(RunnableLoadJob, HasFollowupJobs):
    """A file that the job of its table will read.

    dlt's own job for it is done before it begins, which dlt's loop sees a second late.
    """

    def run(self) -> None:
        """Do nothing."""


class TableChainJob(ReferenceFollowupJob):
    """Merges what a load has of a table and of its nested tables; the table itself comes last."""

    _job_client: "DeltaClient"

    def run(self) -> None:
        """Merge; done twice, it changes nothing the second time."""
        tables = self._job_client.schema.tables
        root = str(get_root_table(tables, self.load_table_name)["name"])
        files: dict[str, list[str]] = {}
        for path in self.file_paths:
            files.setdefault(ParsedLoadJobFileName.parse(path).table_name, []).append(path)
        nested = [str(table["name"]) for table in get_nested_tables(tables, root, include_self=False)]
        for name in reversed(nested):
            self._merge_nested(name, files.get(name, []), files.get(root, []))
        if root in files:
            merge(self._job_client.place_of(root), files[root], _how(self._table(root)), self._scratch)

    def _merge_nested(self, name: str, files: Sequence[str], root_files: Sequence[str]) -> None:
        schema = self._table(name)
        key = get_first_column_name_with_prop(schema, "row_key") or "_dlt_id"
        root_key = get_first_column_name_with_prop(schema, "root_key") or "_dlt_root_id"
        place = self._job_client.place_of(name)
        stale = stale_ids(place, files, root_files, key=key, root_key=root_key)
        compared = [column for column in schema["columns"] if column != key]
        merge(place, files, Merge([key], compared), self._scratch, stale)

    @property
    def _scratch(self) -> Path:
        """The load's own folder: what a kill leaves there, the next load removes."""
        return Path(self._file_path).parents[1]

    def _table(self, name: str) -> TTableSchema:
        """A table's definition, with what it takes from its root."""
        return cast(TTableSchema, self._job_client.prepare_load_table(name))


def _how(schema: TTableSchema) -> Merge:
    strategy = schema.get("x-merge-strategy")
    if strategy not in _STRATEGIES:
        raise ValueError(f"table {schema['name']} has the merge strategy {strategy}, not one of {_STRATEGIES}")
    return Merge(
        key=get_columns_names_with_prop(schema, "primary_key"),
        compared=get_merge_compare_columns(schema) if schema.get("x-merge-skip-unchanged-rows") else (),
        deleted=get_first_column_name_with_prop(schema, "hard_delete"),
        insert_only=strategy == "insert-only",
    )


class DeltaClient(FilesystemClient):
    """The filesystem's client, with its tables as Delta tables."""

    batch_table_chain = True

    @staticmethod
    def get_reference_followup_job_class(table: PreparedTableSchema) -> type[ReferenceFollowupJob] | None:
        """The job that loads a table and its nested tables."""
        return TableChainJob if table.get("table_format") == "delta" else None

    def get_load_job_class(self, table: PreparedTableSchema, file_path: str) -> type[LoadJob]:
        """The job for one file of a load."""
        found: type[LoadJob] = super().get_load_job_class(table, file_path)
        return TakenJob if issubclass(found, FinalizedLoadJob) else found

    @property
    def sql_client_class(self) -> type[SqlClientBase[Any]]:
        """What a dataset is read with."""
        return DeltaSqlClient

    @property
    def sql_client(self) -> SqlClientBase[Any]:
        """What a dataset is read with, made once."""
        if not self._sql_client:
            self._sql_client = DeltaSqlClient(self, self.dataset_name)
        return self._sql_client

    @sql_client.setter
    def sql_client(self, client: SqlClientBase[Any]) -> None:
        self._sql_client = client

    def place_of(self, table_name: str) -> DeltaPlace:
        """Where a table is."""
        options = deltalake_storage_options(self.config.credentials, self.config.deltalake_storage_options)
        location = self.get_open_table_location("delta", table_name).rstrip("/")
        return DeltaPlace(location, options, None if self.is_local_filesystem else self.fs_client)

    def initialize_storage(self, truncate_tables: Iterable[str] | None = None) -> None:
        """Make the dataset's folder; complete an erasure that was killed before anything else is written."""
        super().initialize_storage(truncate_tables or ())
        if self.is_local_filesystem:
            finish(Path(self.dataset_path))

    def verify_schema_table_format(self, load_tables: Sequence[PreparedTableSchema]) -> list[Exception]:
        """Nothing to refuse: rows can be removed from a table with nested tables, too."""
        return []

    def _write_to_json_file(self, filepath: str, data: Mapping[str, Any]) -> None:
        """Write state beside and move it into place: of half a file, no later load could read its state."""
        if not self.is_local_filesystem:  # an object store shows an object when it is whole
            super()._write_to_json_file(filepath, dict(data))
            return
        beside = self.pathlib.join(self.dataset_path, ".writing")
        super()._write_to_json_file(beside, dict(data))
        self.fs_client.mv(beside, filepath)


class DeltaTables(filesystem):
    """The destination; `bucket_url` is a folder or the address of a bucket."""

    @property
    def client_class(self) -> type[DeltaClient]:
        """The client that loads."""
        return DeltaClient

    def _raw_capabilities(self) -> DestinationCapabilitiesContext:
        capabilities = super()._raw_capabilities()
        capabilities.preferred_table_format = "delta"
        capabilities.preferred_loader_file_format = "parquet"
        capabilities.supported_merge_strategies = list(_STRATEGIES)
        return capabilities
