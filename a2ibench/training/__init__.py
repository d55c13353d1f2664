"""The loop, precision, averaging, checkpoints."""
