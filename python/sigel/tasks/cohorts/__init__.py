"""Several sections of several donors: genes whose pattern changes between conditions."""
