"""A request: models, ablations and data expanded to arms and jobs."""
