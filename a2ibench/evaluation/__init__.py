"""Judges and metrics: samples → judge outputs → scores → intervals and tests."""
