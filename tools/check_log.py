"""Judge the log of R CMD check: errors and warnings fail, and so does every note without a listed reason."""

import re
import sys
from pathlib import Path


def findings(log: str) -> list[tuple[str, str]]:
    """Level and text of every check that ended in a NOTE, WARNING or ERROR."""
    checks = re.split(r"(?m)^\* ", log)
    levels = re.compile(r"\.\.\..*?\b(NOTE|WARNING|ERROR)\b", re.DOTALL)
    found = ((levels.search(check), check.strip()) for check in checks if check.startswith("checking "))
    return [(match.group(1), text) for match, text in found if match]


def allowed_notes(path: Path) -> list[re.Pattern]:
    """Patterns of the notes that are accepted: the lines of the file that are not comments."""
    lines = (line.strip() for line in path.read_text().splitlines())
    return [re.compile(line, re.DOTALL) for line in lines if line and not line.startswith("#")]


def main(folder: str, notes: str) -> int:
    """Print what fails; 1 where something does or where the check did not come to its end."""
    path = Path(folder, "00check.log")
    log = path.read_text(errors="replace") if path.is_file() else ""
    accepted = allowed_notes(Path(notes))
    bad = [
        (level, text)
        for level, text in findings(log)
        if level != "NOTE" or not any(pattern.search(text) for pattern in accepted)
    ]
    if not re.search(r"(?m)^Status: ", log):
        bad.append(("ERROR", "R CMD check did not come to its end"))
    for level, text in bad:
        print(f"\nR CMD check, {level}: {text}")
    for output in Path(folder).rglob("*.Rout.fail") if bad else []:
        print(f"\n--- {output.name}\n{output.read_text(errors='replace')[-8000:]}")
    return int(bool(bad))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], sys.argv[2]))
