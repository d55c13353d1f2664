"""Layers and fitting that several plug-ins share."""
