"""Data: generated, written down or read from tables."""
