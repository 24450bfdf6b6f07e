"""Spatial domains: genes chosen, spots described, clustered, refined, put in order."""
