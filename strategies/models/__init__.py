"""Surrogates and densities: what several algorithms fit to a history. Pure mathematics."""
