"""Datasets, encoders, judges and metrics that come with the bench."""
