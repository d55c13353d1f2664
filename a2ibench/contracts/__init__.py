"""The contracts of plug-ins, one file per kind."""
