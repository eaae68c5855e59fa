"""The middle floor: the search written down in SQL. Knows the strategies' words; nothing of training."""
