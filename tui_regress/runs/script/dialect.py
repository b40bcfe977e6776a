"""What a way to compute must be able to write."""

from typing import NamedTuple, Protocol

from tui_regress.experiment import Points


class Results(NamedTuple):
    """The final parameters."""

    lines: list[str]
    """That prepare them."""
    weights: str
    """An expression: the list of weights."""
    weight: str
    """An expression: the weight where there is but one."""
    bias: str
    """An expression."""


class Dialect(Protocol):
    """Writes what is particular to PyTorch or to NumPy; expressions and lines that the rest of a script is made of."""

    manner: str
    """In a few words, for the heading."""
    kept: str
    """An expression: the parameters as they are now."""
    loss: str
    """An expression: the loss over all training rows."""
    gradient_norm: str
    """An expression, after the lines of ``gradient``."""

    @property
    def validation_loss(self) -> str:
        """An expression: the loss over the rows held out."""

    def begin(self) -> None:
        """Write what comes before the data."""

    def points(self, points: Points) -> tuple[str, ...]:
        """Lines: the points of an experiment as X and y."""

    def take_arrays(self) -> None:
        """Write how the NumPy arrays X and y, and those of the rows held out, come into the run's precision."""

    def model(self) -> None:
        """Write the model with its first parameters, the loss and the optimizer."""

    def points_at(self, at: str) -> str:
        """An expression: the list of points ``at``, as the model takes them."""

    def predictions(self, points: str) -> str:
        """An expression: the list of predictions at ``points``."""

    def order(self, seed: str) -> str:
        """A statement: the random numbers for the order of the rows."""

    def epoch(self) -> list[str]:
        """Lines: the steps of one epoch."""

    def gradient(self, decay: float) -> list[str]:
        """Lines: the gradient over all rows, with that of the weight decay."""

    def is_finite(self, loss: str) -> str:
        """A condition."""

    def restore(self, kept: str) -> list[str]:
        """Lines: back to what was ``kept``."""

    def renew(self, lr: str) -> list[str]:
        """Lines: the optimizer as it was before the first step, with this learning rate."""

    def change_lr(self, lr: str) -> list[str]:
        """Lines: another learning rate from the next step on."""

    def results(self) -> Results:
        """The final parameters, in the units of the data."""
