"""Trials: trained, drawn and judged, by one executor or another."""
