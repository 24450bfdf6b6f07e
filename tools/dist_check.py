"""Whether packages that are to be released hold every file of the engine. Usage: dist_check.py PACKAGE ..."""

import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

ROOT = Path(__file__).parents[1]
# Where the engine lies in a package, by the end of its name and its first letters.
INSIDE = {".whl": "sigel/", "sigel_": "sigel/inst/python/sigel/", "sigel-": "/python/sigel/"}


def names_in(package: Path) -> list[str]:
    """Names of the files of a package."""
    if package.suffix == ".whl":
        return zipfile.ZipFile(package).namelist()
    with tarfile.open(package) as opened:
        return [member.name for member in opened.getmembers() if member.isfile()]


def main(packages: list[str]) -> int:
    """Say what lacks; the number of packages that are not whole."""
    listed = subprocess.run(
        ["git", "ls-files", "python/sigel"], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout.split()
    engine = [name.removeprefix("python/sigel/") for name in listed]
    bad = 0
    for package in map(Path, packages):
        kind = package.suffix if package.suffix == ".whl" else package.name[:6]
        found = names_in(package)
        lacking = [name for name in engine if not any(one.endswith(INSIDE[kind] + name) for one in found)]
        print(
            f"{package.name}: {len(found)} files, {len(engine) - len(lacking)} of {len(engine)} of the engine"
        )
        if lacking:
            print("lacking:", ", ".join(lacking), file=sys.stderr)
            bad += 1
    return bad


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
