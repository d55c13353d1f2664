"""The files of a study's folder: written, read and checked."""
