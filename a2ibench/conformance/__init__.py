"""Conformance: what the contracts demand of a plug-in, as rules that can be run on any of them."""
