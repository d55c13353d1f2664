"""Trained generators: loaded, asked for pictures, exported."""
