"""Connections we hold to the places that facts come from."""
