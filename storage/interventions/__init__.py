"""What a person changes in a search, each with its trail: who, when, what and why."""
