"""How time and memory grow, and what the largest sections take."""
