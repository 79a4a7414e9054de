"""Runs on disk: layout, writer and reader."""
