"""The command line: files in, files out; nothing is computed here."""

from sigel.cli._main import main as main
from sigel.cli._within import answer as answer
