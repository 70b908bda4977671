"""The jobs, and the command `intilery`. Wiring only: what they do is in the packages that they wire together.

dlt reads its own settings when it is imported, so what these tables need of it is set here, before that.
"""

from pipelines.dlt_settings import apply

apply()
