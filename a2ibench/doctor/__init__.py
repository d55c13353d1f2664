"""Diagnosis of a machine: what it has for the bench, what it lacks, and how to get it."""
