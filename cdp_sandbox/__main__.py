"""`python -m cdp_sandbox`: serve a world until stopped."""

import argparse
from pathlib import Path

from cdp_sandbox.app import Application
from cdp_sandbox.server import Server, bind, ready_line
from cdp_sandbox.worlds import ALLOWED


def main(arguments: list[str] | None = None) -> None:
    """Read the command line and serve."""
    parser = argparse.ArgumentParser(prog="python -m cdp_sandbox", description=__doc__)
    parser.add_argument("--world", default="shop", help=f"one of {', '.join(ALLOWED)}")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=0, help="0 takes a free one")
    parser.add_argument("--token", default="sandbox-token", help="the value that auth-token must have")
    parser.add_argument("--announce", type=Path, metavar="FILE", help="write the ready line here too")
    parser.add_argument("--until-stdin-closes", action="store_true", help="end with whoever holds our stdin")
    options = parser.parse_args(arguments)

    try:
        application = Application(options.world, options.seed, options.token)
    except ValueError as error:
        parser.error(str(error))
    try:
        listening = bind(options.host, options.port)
    except (OSError, OverflowError) as error:
        parser.error(f"port {options.port} cannot be had: {error}")
    ready = ready_line(listening, application.sandbox.world, options.token)
    server = Server(application, ready, options.announce)
    if options.until_stdin_closes:
        server.stop_when_stdin_closes()
    server.run(sockets=[listening])


if __name__ == "__main__":
    main()
