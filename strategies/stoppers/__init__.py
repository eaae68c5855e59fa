"""Stoppers: whether a running trial's curve is hopeless. One algorithm, one file."""
