"""Schedulers: which trial trains next, and up to which epoch. One algorithm, one file."""
