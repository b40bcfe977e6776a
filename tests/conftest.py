"""For all tests."""

from hypothesis import settings

# The same examples every time, and a busy machine is no failure.
settings.register_profile("tui-regress", derandomize=True, deadline=None)
settings.load_profile("tui-regress")
