"""What the program promises about its speed and its memory, measured side by side: ``python -m tests.benchmarks``."""
