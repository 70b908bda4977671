"""The job `intilery sandbox`: a local stand-in of the API, and how to load from it."""

import sys
import threading

_MISSING = 'The sandbox is not installed: pip install "customer-platform-extractor[sandbox]".'


def serve(world: str, seed: int, port: int) -> int:
    """Run the stand-in until interrupted; the exit code is returned."""
    try:
        from cdp_sandbox.process import running
    except ImportError:
        print(_MISSING, file=sys.stderr)
        return 2
    try:
        with running(world, seed, port=port) as sandbox:
            print(f"The world {world} (seed {seed}) is served on the loopback. To load it, in another terminal:\n")
            for name, value in (
                ("BASE_URL", sandbox.url),
                ("CLIENT_ID", sandbox.client_id),
                ("ACCOUNT_ID", sandbox.account_id),
                ("BRAND_ID", sandbox.brand_id),
                ("AUTH_TOKEN", sandbox.token),
            ):
                print(f"  export SOURCES__INTILERY__{name}={value}")
            print("  intilery load --database sandbox.duckdb\n\nCtrl-C ends it.", flush=True)
            threading.Event().wait()
    except KeyboardInterrupt:
        return 0
    except RuntimeError as error:  # its own message has gone to standard error
        print(f"The sandbox did not start: {error}.", file=sys.stderr)
        return 2
    return 0
