"""MLflow: a mirror of a study's folder."""
