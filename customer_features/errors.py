"""What goes wrong with features, in sentences that say what is allowed."""


class FeatureError(Exception):
    """A feature, a label or a cutoff cannot be meant; the message names it and says what is allowed."""


class FileBusyError(FeatureError):
    """Another program, or something else in this one, has the DuckDB file open."""


class ExtractionTimeError(FeatureError):
    """A feature is true only when the data were read, and was asked for at an earlier cutoff."""


def shown(wrong: object) -> str:
    """How a message names a wrong argument: as it was written, or by its type, for what is larger may hold data."""
    return repr(wrong) if isinstance(wrong, str | int | float | None) else f"a value of type {type(wrong).__name__}"
