"""What can be wrong for the user; each text is one sentence that says what to do."""


class TablesError(Exception):
    """The canonical tables cannot be built or checked."""


class NothingLoadedError(TablesError):
    """There is nothing to build from, or nothing was built."""


class UnsupportedPlaceError(TablesError):
    """The tables are in a place that is not read here."""
