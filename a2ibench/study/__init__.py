"""Arms, jobs, executors, results, MLflow."""
