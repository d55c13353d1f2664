"""A local page where several models draw a sound side by side."""
