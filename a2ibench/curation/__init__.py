"""Looking after a store: copies, leaks, wrong labels, corrections."""
