"""Score a folder of pictures against a folder of real ones, without a dataset or a study."""
