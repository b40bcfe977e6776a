"""What is particular to NumPy: the gradient and sgd's update written by hand."""

from tui_regress.experiment import Points, Sgd
from tui_regress.runs.script.dialect import Results
from tui_regress.runs.script.plan import Plan
from tui_regress.runs.script.points import arrays
from tui_regress.runs.script.writing import Page, indented, sequence

_LOSSES = {
    "mse": "np.mean(({z} - {y}) ** 2)",
    "half-mse": "np.mean(({z} - {y}) ** 2) / 2",
    "sse": "np.sum(({z} - {y}) ** 2)",
    "bce": "np.mean(np.logaddexp(0, (1 - 2 * {y}) * ({z})))",
    "bce-sum": "np.sum(np.logaddexp(0, (1 - 2 * {y}) * ({z})))",
}
_FACTORS = {"mse": "2 * ", "half-mse": "", "sse": "2 * ", "bce": "", "bce-sum": ""}


class InNumpy:
    """Writes ``plan`` onto ``page``: X of shape (n, d), y of shape (n,), parameters w of shape (d,) and b."""

    manner = "the gradient written by hand in NumPy"

    def __init__(self, plan: Plan, page: Page, sgd: Sgd) -> None:
        self._plan, self._page, self._sgd = plan, page, sgd
        self._bias = plan.experiment.model.bias
        self._single = plan.experiment.device.dtype == "float32"
        # Early stopping compares losses that hardly differ any more; in float32 rounding would pass for progress.
        self._exact = plan.patience > 0
        self._state = ["w", *(["b"] if self._bias else [])]
        """The variables that change."""
        self.kept = ", ".join(self._state)
        self.loss = self._loss("X", "y")
        self.validation_loss = self._loss("X_val", "y_val")
        self.gradient_norm = "np.linalg.norm(gradient)"

    def begin(self) -> None:
        """Nothing: NumPy computes on the CPU."""

    def points(self, points: Points) -> tuple[str, ...]:
        """The points of an experiment."""
        return arrays(points, "np.array", "")

    def take_arrays(self) -> None:
        """In the precision of the run."""
        if self._single:
            lines = ["X, y = X.astype(np.float32), y.astype(np.float32)"]
            if self._plan.validation and not self._exact:
                lines.append("X_val, y_val = X_val.astype(np.float32), y_val.astype(np.float32)")
            self._page.section("In single precision", *lines)

    def model(self) -> None:
        """The first parameters and the learning rate."""
        shown = "Xw + b" if self._bias else "Xw"
        title = f"Model: P(y = 1) = sigmoid({shown})" if self._plan.logistic else f"Model: y = {shown}"
        self._page.section(title, *self._start(), f"lr = {self._plan.lr!r}", *self._at_rest())

    def _start(self) -> list[str]:
        model, seed = self._plan.experiment.model, self._plan.experiment.training.seed
        inputs = self._plan.features or "X.shape[1]"
        single = ".astype(np.float32)" if self._single else ""
        if isinstance(numbers := model.init, str):
            zero_bias = ["b = 0.0"] if self._bias else []
            if numbers == "zeros":
                return [f"w = np.zeros({inputs}{', dtype=np.float32' if self._single else ''})", *zero_bias]
            if numbers == "normal":
                return [f"w = np.random.default_rng({seed}).normal(0.0, 0.01, {inputs}){single}", *zero_bias]
            layer = f"torch.nn.Linear({inputs}, 1{'' if self._bias else ', bias=False'})"
            drawn = f"w = layer.weight[0].detach(){'' if self._single else '.double()'}.numpy()"
            drawn_bias = ["b = layer.bias.item()"] if self._bias else []
            return [f"torch.manual_seed({seed})", f"layer = {layer}", drawn, *drawn_bias]
        weights = numbers[:-1] if self._bias else numbers
        scaled = self._plan.experiment.data.standardize
        lines = sequence(map(repr, weights), "w = np.array(", f"){'' if scaled else single}")
        if self._bias:
            # As Python's own number it takes on the precision of what it meets.
            lines.append(f"b = float({numbers[-1]!r} + w @ mean)" if scaled else f"b = {numbers[-1]!r}")
        return [*lines, *([f"w = (w * scale){single}"] if scaled else [])]

    def _at_rest(self) -> list[str]:
        """The momentum before the first step."""
        if not self._sgd.momentum:
            return []
        return [
            f"{' = '.join(f'velocity_{name}' for name in self._state)} = {'None' if self._sgd.dampening else '0.0'}"
        ]

    def points_at(self, at: str) -> str:
        """An expression: the list of points ``at``, as the model takes them."""
        if not self._plan.experiment.data.standardize:
            return f"np.array({at})"
        return f"(np.array({at}) - mean) / scale" if self._bias else f"np.array({at}) / scale"

    def predictions(self, points: str) -> str:
        """An expression: the list of predictions at ``points``."""
        return f"({self._prediction(points)}).tolist()"

    def order(self, seed: str) -> str:
        """The statement that makes the random numbers for the order of the rows."""
        return f"order = np.random.default_rng({seed})"

    def epoch(self) -> list[str]:
        """The steps of one epoch."""
        size = self._plan.batch
        if not size:
            return self._step("X", "y")
        rows = f"permutation[first : first + {size}]" if self._plan.shuffled else f"slice(first, first + {size})"
        take = [f"rows = {rows}", "X_batch, y_batch = X[rows], y[rows]"]
        loop = [f"for first in range(0, len(X), {size}):", *indented([*take, *self._step("X_batch", "y_batch")])]
        return ["permutation = order.permutation(len(X))", *loop] if self._plan.shuffled else loop

    def restore(self, kept: str) -> list[str]:
        """Back to what was ``kept``."""
        return [f"{', '.join(self._state)} = {kept}"]

    def renew(self, lr: str) -> list[str]:
        """Another learning rate, and the momentum as it was before the first step."""
        return [*self.change_lr(lr), *self._at_rest()]

    def change_lr(self, lr: str) -> list[str]:
        """Another learning rate from the next step on."""
        return [] if lr == "lr" else [f"lr = {lr}"]

    def gradient(self, decay: float) -> list[str]:
        """Put the gradient over all rows, with that of the weight decay, into ``gradient``, of shape (p,)."""
        lines = self._differentiate("X", "y")
        parts = [f"gradient_{name}{f' + {decay!r} * {name}' if decay else ''}" for name in self._state]
        return [*lines, f"gradient = np.append({', '.join(parts)})" if self._bias else f"gradient = {parts[0]}"]

    def is_finite(self, loss: str) -> str:
        """A condition."""
        return f"np.isfinite({loss})"

    def results(self) -> Results:
        """The final parameters, in the units of the data."""
        if self._plan.experiment.data.standardize:
            return Results(["weights = w / scale"], "weights", "weights[0]", "b - weights @ mean")
        return Results([], "w", "w[0]", "b")

    def _loss(self, X: str, y: str) -> str:
        return _LOSSES[self._plan.experiment.model.loss].format(z=self._logits(X), y=y)

    def _logits(self, X: str) -> str:
        return f"{X} @ w + b" if self._bias else f"{X} @ w"

    def _prediction(self, X: str) -> str:
        z = self._logits(X)
        return f"1 / (1 + np.exp(-({z})))" if self._plan.logistic else z

    def _differentiate(self, X: str, y: str) -> list[str]:
        loss = self._plan.experiment.model.loss
        factor, summed = _FACTORS[loss], loss in ("sse", "bce-sum")
        weights = f"gradient_w = {factor}{X}.T @ error" if summed else f"gradient_w = {factor}{X}.T @ error / len({y})"
        bias = [f"gradient_b = {factor}error.{'sum' if summed else 'mean'}()"] if self._bias else []
        return [f"error = {self._prediction(X)} - {y}", weights, *bias]

    def _step(self, X: str, y: str) -> list[str]:
        sgd = self._sgd
        lines = self._differentiate(X, y)
        for name in self._state:
            gradient, velocity = f"gradient_{name}", f"velocity_{name}"
            if sgd.weight_decay:
                lines.append(f"{gradient} += {sgd.weight_decay!r} * {name}")
            if sgd.momentum:
                damped = f"{1 - sgd.dampening!r} * {gradient}" if sgd.dampening else gradient
                moved = f"{sgd.momentum!r} * {velocity} + {damped}"
                lines.append(
                    f"{velocity} = {gradient if sgd.dampening else moved}"
                    + (f" if {velocity} is None else {moved}" if sgd.dampening else "")
                )
        for name in self._state:
            gradient, velocity = f"gradient_{name}", f"velocity_{name}"
            step = gradient
            if sgd.momentum:
                step = f"({gradient} + {sgd.momentum!r} * {velocity})" if sgd.nesterov else velocity
            lines.append(f"{name} = {name} - lr * {step}")
        return lines
