"""Searchers: which params next. One algorithm, one file."""
