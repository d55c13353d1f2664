"""Forced-choice studies with human participants."""
