"""`python -m pipelines`: the command `intilery`."""

from pipelines.command_line import main

main()
