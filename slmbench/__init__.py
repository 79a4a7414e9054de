"""Which model, for which device and budget: run, compare, rank and gate language models."""

from __future__ import annotations

__version__ = "0.1.0"
