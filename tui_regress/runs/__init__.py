"""What outlives a run: the store that keeps it, and the ways to take it away."""
