"""Check and correct a store: copies, leaks, wrong labels."""
