"""What all benchmarks share: sections, processes, tables, numbers."""
