"""What workers and the record tell each other: jobs decided, claimed, reported; deaths, leases, confirmations."""
