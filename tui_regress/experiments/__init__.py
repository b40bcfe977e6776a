"""The built-in experiments: one TOML file each."""

NAMES = (
    "gentle-line",
    "exploding-line",
    "numpy-line",
    "adam-line",
    "d2l-scratch",
    "d2l-concise",
    "slope-by-hand",
    "slope-autograd",
    "per-sample",
    "module-line",
    "pass-or-fail",
    "cpu-line",
    "gpu-line",
)
"""In the order of the list to open from: from the first line to the last device."""
