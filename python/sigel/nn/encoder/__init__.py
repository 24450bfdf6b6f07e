"""Module I: gene images become representations."""
