"""Groups of genes: made, described, enriched, and held against other seeds."""
