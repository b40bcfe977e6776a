"""Backends: ways to compute the gradient and run epochs."""
