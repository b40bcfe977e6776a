"""``python -m tui_regress``: the same program as the ``tui-regress`` command."""

from tui_regress.cli import main

if __name__ == "__main__":
    main()
