"""Samples → judge outputs → metrics."""
