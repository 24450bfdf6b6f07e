"""The Python door's answers, one after another in one process: torch is loaded once for all of them.

Usage: python answers.py, then lines of a script of this folder, its settings and the folder of its tables,
between tabs. A line `done` follows each.
"""

from __future__ import annotations

import runpy
import sys

for line in sys.stdin:
    script, settings, folder = line.rstrip("\n").split("\t")
    runpy.run_path(script)["main"](settings, folder)
    print("done", flush=True)
