"""Count the skipped tests in a JUnit report; where everything must be present, each is a failure."""

import os
import sys
from pathlib import Path
from xml.etree import ElementTree


def main(report: str) -> int:
    """Print what was skipped and why; 1 where SIGEL_REQUIRE_ALL=1 and something was."""
    if not Path(report).is_file():
        print("pytest left no report")
        return 1
    skipped = [
        f"{case.get('classname')}::{case.get('name')}: {case.find('skipped').get('message')}"
        for case in ElementTree.parse(report).iter("testcase")
        if case.find("skipped") is not None and case.find("skipped").get("type") != "pytest.xfail"
    ]
    required = os.environ.get("SIGEL_REQUIRE_ALL") == "1"
    for line in skipped:
        print(f"{'not allowed here: ' if required else ''}skipped {line}")
    return int(required and bool(skipped))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
