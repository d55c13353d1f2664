"""Forced-choice studies among people."""
