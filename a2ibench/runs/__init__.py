"""Run trials: train, draw and judge, with any executor."""
