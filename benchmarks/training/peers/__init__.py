"""Other people's trainers, each doing the very work that ours does, in its own fastest idiom."""
