"""Trained generators: loading, drawing, exporting, sweeping."""
