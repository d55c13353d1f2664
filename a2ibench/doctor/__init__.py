"""The doctor: what this machine has for the bench, what it lacks, and how to get it."""
