"""The one place that holds the version; DESCRIPTION carries the same."""

__version__ = "0.7.0"
