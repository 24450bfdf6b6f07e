"""Tests, nulls, intervals and partitions: numbers about arrays, whatever they stand for."""
