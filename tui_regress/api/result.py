"""What a run from Python gives."""

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
from numpy.typing import ArrayLike, NDArray

from tui_regress.data.dataset import Dataset
from tui_regress.engine import objective
from tui_regress.engine.checkpoints import save_model
from tui_regress.engine.events import Best, FloatArray, Measured, Recovered, Status, StopRule, Verdict
from tui_regress.engine.exact import Exact, exact_solution
from tui_regress.engine.stability import Forecast
from tui_regress.experiment import Experiment
from tui_regress.problems import InputError
from tui_regress.runs.formula import formula
from tui_regress.runs.script import script
from tui_regress.text import short


@dataclass(frozen=True, eq=False, repr=False, kw_only=True)
class Result:
    """What a run gave: its k records as arrays, and how it ended. Record i is what holds after i epochs.

    Parameters are one weight per feature, then the bias where the model has one: p numbers, in the units of the data.
    Losses are in the square of the target's unit for a linear model, in nats for a logistic one.
    """

    experiment: Experiment
    dataset: Dataset
    """``X``, shape (n, d), and ``y``, shape (n,), of the training rows; the rows held out are its ``validation``."""
    parameter_names: tuple[str, ...]
    """p names: ``w[feature]`` …, ``b``."""

    epochs: NDArray[np.int64]
    """Shape (k,): 0, 1, 2, …"""
    losses: FloatArray
    """Shape (k,): over all training rows, in the experiment's own loss: their mean, half of it or their sum."""
    validation_losses: FloatArray | None
    """Shape (k,): over the rows held out; None where there are none."""
    scores: FloatArray
    """Shape (k,): mean squared error of a linear model, accuracy in 0…1 of a logistic one."""
    grad_norms: FloatArray
    """Shape (k,): Euclidean norm of the gradient that training steps along, which is that of standardised columns where
    training sees them."""
    lr: FloatArray
    """Shape (k,): learning rate of the epoch that led to the record; of record 0 that of the first epoch."""
    parameters: FloatArray
    """Shape (k, p): of every record."""

    theta: FloatArray
    """Shape (p,): the parameters that the run gives, those of ``record``."""
    record: int
    """The last record in which all is finite, or the best one where the run was stopped early."""
    best: Best | None
    """The record of the lowest validation loss, or of the lowest loss where no rows are held out."""
    status: Status
    """completed, converged, diverged or stopped."""
    stop: StopRule
    """Which rule ended the run: epochs, early-stopping, tolerance, divergence or asked."""
    reason: str
    """The same in a sentence."""
    seconds: float
    """Of training."""
    forecast: Forecast | None
    """What was known before the first step, from the eigenvalues of the loss's Hessian: descent is stable below a
    learning rate of 2/λmax and with momentum β below 2·(1 + β)/λmax (Polyak 1964, the heavy-ball method); fastest is
    2/(λmax + λmin). None where nothing is known."""
    verdict: Verdict | None
    """What the monitor found; None where training did not diverge."""
    recoveries: tuple[Recovered, ...]
    """Each time the run went back to an earlier record; the arrays hold all that was trained, in the order it was."""
    metrics: Measured | None
    """How good ``theta`` is: ``metrics.training`` and, where rows are held out, ``metrics.validation``."""
    notes: tuple[str, ...]
    """Sentences a person should read."""
    run_id: int | None
    """The number of the run in the store; None where it is not kept."""

    @cached_property
    def exact(self) -> Exact:
        """The best parameters there are, shape (p,), and their loss, computed without descent when first asked for.

        Of a linear model by least squares, the solution of the normal equations found by QR; of a logistic one by
        Newton's method on the likelihood (iteratively reweighted least squares), where ``parameters`` is None if the
        classes can be separated. Of several equally good ones those of smallest norm. A million rows take it a while.
        """
        return exact_solution(self.experiment, self.dataset)

    def predict(self, X: ArrayLike) -> FloatArray:
        """Shape (m,): the prediction for each row of X, shape (m, d): Xw + b, in the unit of the target.

        Of a logistic model the probability of class 1, 1/(1 + exp(−(Xw + b))).

        X holds the features as ``dataset.feature_names`` has them, in the units of the data; of shape (d,) it is one
        row, and with a single feature one row per number. Raises InputError where it has another shape, or holds
        something else than numbers.
        """
        names = self.dataset.feature_names
        try:
            rows = np.asarray(X, dtype=np.float64)
        except (TypeError, ValueError):
            raise InputError("X must hold numbers alone, as many in each row.") from None
        rows = rows.reshape(-1, 1) if rows.ndim < 2 and len(names) == 1 else np.atleast_2d(rows)
        if rows.ndim != 2 or rows.shape[1] != len(names):
            columns = f"one column, {names[0]}" if len(names) == 1 else f"{len(names)} columns, {', '.join(names)}"
            raise InputError(f"X has the shape {np.shape(X)}; it must have {columns}.")
        return np.asarray(objective.predict(self.experiment.model, self.theta, rows), dtype=np.float64)

    def save(self, path: str | Path) -> None:
        """Save the model to ``path``, which ends in .pt, and the experiment beside it with .toml.

        ``torch.nn.Linear(d, 1)`` loads the one with ``load_state_dict``; ``tui-regress`` opens the two. Raises
        InputError where they cannot be written.
        """
        save_model(Path(path), self.experiment, self.theta, self.dataset)

    def script(self) -> str:
        """The run as a Python file in plain PyTorch, which gives ``theta`` again when it is executed.

        Raises InputError where the table that it is to read has gone.
        """
        starts = np.flatnonzero(np.diff(self.lr, prepend=np.nan))
        rates = [(int(start), float(self.lr[start])) for start in starts]
        return script(self.experiment, self.dataset, rates, self.recoveries, record=self.record)

    def formula(self) -> str:
        """The model in one line, such as ``y = 1.995·x + 0.017``, in the units of the data.

        Its numbers are as short as the predictions for the training rows allow, to four digits of their range.
        """
        return formula(self.experiment, self.theta, self.dataset)

    def __repr__(self) -> str:
        """Like ``<gentle-line: completed after 1,000 epochs, loss 5.51e-5, R² 1.00, RMSE 0.00742, MAE 0.00637>``."""
        epochs = "1 epoch" if len(self.epochs) == 2 else f"{self.epochs[-1]:,} epochs"
        facts = [f"{self.status} after {epochs}", f"loss {short(float(self.losses[-1]))}"]
        if self.metrics is not None:
            held = self.metrics.validation
            facts += [f"{name} {short(value)}" for name, value in (held or self.metrics.training).figures()]
            facts += ["on the rows held out"] if held else []
        return f"<{self.experiment.name}: {', '.join(facts)}>"
