"""Run a causal language model: score continuations and sample text. Knows torch, not lm-eval."""
