"""Run a plan in worker processes and record it as it goes."""
