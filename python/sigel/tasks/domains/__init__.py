"""Spatial domains: spots described, clustered, refined, put in order; and the genes that tell them apart."""
