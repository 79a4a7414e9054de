"""Turn a spec into jobs, and say what they need, without loading anything."""
