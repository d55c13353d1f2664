"""Methods that come with the bench: one file a paper."""
