"""What the tests of the source share."""

from hypothesis import settings

settings.register_profile("no deadline", deadline=None)  # a busy machine is no finding
settings.load_profile("no deadline")
