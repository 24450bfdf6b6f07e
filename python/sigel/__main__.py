"""`python -m sigel`, and the command `sigel`."""

from __future__ import annotations

import importlib.util
import signal
import sys


def main() -> None:
    """Run a command of the command line, and end with its exit code."""
    if importlib.util.find_spec("cyclopts") is None:
        from sigel.runtime.requires import install_line

        sys.stderr.write(f"sigel: the command line needs cyclopts. Install it: {install_line('cyclopts')}.\n")
        sys.exit(1)
    from sigel.cli import main as run

    # A job that is ended cleans up behind itself.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    sys.exit(run())


if __name__ == "__main__":
    main()
