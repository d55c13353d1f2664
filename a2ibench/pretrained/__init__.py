"""Pretrained networks from files that the user names."""
