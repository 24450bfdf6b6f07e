"""The command line: files in, files out; nothing is computed here."""

from sigel.cli._main import main as main
