"""A database looked after: whether it is sound, how large it is, and made smaller."""
