"""Methods that come with the bench: one file per paper."""
