"""Frozen, versioned data that every stage shares: spec, plan, record, finding, verdict."""
