"""A local page that shows the pictures of several models for one sound side by side."""
