"""What people ask: of trials, of curves, and in their own SQL, which can only read."""
