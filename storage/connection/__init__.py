"""A database within reach: SQLite's file and turns, PostgreSQL's locks, outages, and statements made ready."""
