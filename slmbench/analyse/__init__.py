"""Turn records into findings."""
