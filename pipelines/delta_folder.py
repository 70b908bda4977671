"""A folder, or a bucket's address, that holds Delta tables."""

from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from cdp_client import ConfigurationError

if TYPE_CHECKING:
    from pipelines.delta_destination import DeltaTables

PARQUET = "parquet"
_SCHEMES = ("s3", "gs", "az", "abfss")
"""What both dlt's filesystem and Delta's library can write to."""


def address(path: str | None) -> str:
    """The folder as an absolute path, or the bucket's address as it is.

    Raises:
        ConfigurationError: there is none, or nothing can be written there.
    """
    if not path:
        raise ConfigurationError(
            "--destination parquet needs --path: a folder, such as customers, or a bucket's address, such as "
            "s3://bucket/customers."
        )
    parts = urlsplit(path)
    if "://" in path and parts.scheme != "file":
        if parts.scheme not in _SCHEMES or not parts.netloc:
            raise ConfigurationError(
                f"--path begins with {parts.scheme}://, which Delta tables cannot be written to: name a folder, or an "
                f"address that begins with {', '.join(f'{scheme}://' for scheme in _SCHEMES)}."
            )
        return path.rstrip("/")
    folder = Path(parts.path if parts.scheme == "file" else path).expanduser().resolve()
    if folder.exists() and not folder.is_dir():
        raise ConfigurationError(f"--path {folder} is a file: name a folder.")
    return str(folder)


def is_local(folder: str) -> bool:
    """Whether an address is a folder of this machine."""
    return "://" not in folder


def must_be_local(folder: str) -> None:
    """Refuse to erase where copies of what was removed may be kept.

    Raises:
        ConfigurationError: it is the address of a bucket.
    """
    if not is_local(folder) and not folder.startswith("file:"):
        raise ConfigurationError(
            f"People can be erased from Delta tables in a folder, not in a bucket such as {folder}: copy the dataset's "
            "folder to this machine, run intilery forget with --path on the copy, and put it in the place of the "
            "bucket's; docs/personal_data.md says what to mind."
        )


def destination_in(folder: str, *, read_only: bool) -> "DeltaTables":
    """dlt's destination in a folder, which is made if it is not there.

    Raises:
        ConfigurationError: Delta's library is not installed, or the folder cannot be made.
    """
    try:
        from pipelines.delta_destination import DeltaTables
    except ImportError:  # dlt's own error for a missing package is one, too
        raise ConfigurationError(
            "--destination parquet needs Delta's library: pip install 'customer-platform-extractor[delta]'."
        ) from None
    if is_local(folder) and not read_only:
        try:
            Path(folder).mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise ConfigurationError(f"--path {folder} cannot be made: {error.strerror}.") from None
    return DeltaTables(bucket_url=folder, destination_name="filesystem")
