"""What is particular to PyTorch: nn.Linear, autograd and torch.optim, as a tutorial writes them."""

import msgspec

from tui_regress.experiment import Optimizer, Points
from tui_regress.runs.script.dialect import Results
from tui_regress.runs.script.plan import Plan
from tui_regress.runs.script.points import arrays
from tui_regress.runs.script.writing import Page, indented, row, sequence

_CRITERIA = {
    "mse": "nn.MSELoss()",
    "sse": 'nn.MSELoss(reduction="sum")',
    "bce": "nn.BCEWithLogitsLoss()",
    "bce-sum": 'nn.BCEWithLogitsLoss(reduction="sum")',
}
_HALF_MSE = ["def criterion(prediction, target):", "    return nn.functional.mse_loss(prediction, target) / 2"]
_FIRST_ACCELERATOR = ['device = "cuda" if torch.cuda.is_available() else "cpu"']
_OR_MPS = ["if torch.backends.mps.is_available():", '    device = "mps"']


class InTorch:
    """Writes ``plan`` onto ``page``: X of shape (n, d), y of shape (n, 1)."""

    manner = "with PyTorch"
    loss = "criterion(model(X), y).item()"
    kept = "copy.deepcopy(model.state_dict())"

    def __init__(self, plan: Plan, page: Page) -> None:
        self._plan, self._page = plan, page
        experiment = plan.experiment
        self._bias = experiment.model.bias
        self._double = experiment.device.dtype == "float64"
        self._on = "" if experiment.device.name == "cpu" else ", device=device"
        # Early stopping compares losses that hardly differ any more; in float32 rounding would pass for progress.
        self._exact = plan.patience > 0 and not self._double

    def begin(self) -> None:
        """The device."""
        name = self._plan.experiment.device.name
        if name == "auto":
            # Apple's GPU knows no float64.
            self._page.section("Device", *_FIRST_ACCELERATOR, *([] if self._double else _OR_MPS))
        elif name != "cpu":
            self._page.section("Device", f'device = "{name}"')

    def points(self, points: Points) -> tuple[str, ...]:
        """The points of an experiment, as tensors."""
        options = f"{', dtype=torch.float64' if self._double else ''}{self._on}"
        return arrays(points, "torch.tensor", options, ".reshape(-1, 1)")

    def take_arrays(self) -> None:
        """Turn the NumPy arrays X and y, and those of the rows held out, into tensors."""
        end = f"{'' if self._double else ', dtype=torch.float32'}{self._on})"
        lines = [f"X = torch.tensor(X{end}", f"y = torch.tensor(y{end}.reshape(-1, 1)"]
        if self._plan.validation:
            end = ")" if self._exact else end
            lines += [f"X_val = torch.tensor(X_val{end}", f"y_val = torch.tensor(y_val{end}.reshape(-1, 1)"]
        self._page.section("As tensors", *lines)

    def model(self) -> None:
        """The model with its first parameters, and the loss."""
        model = self._plan.experiment.model
        kind = ", bias=False" if not self._bias else ""
        inputs = self._plan.features or "X.shape[1]"
        shown = "w·x + b" if self._bias else "w·x"
        title = f"Model: P(y = 1) = sigmoid({shown})" if self._plan.logistic else f"Model: y = {shown}"
        lines = list[str]()
        to = ".to(device)" if self._on else ""
        if model.init == "torch":
            lines.append(f"torch.manual_seed({self._plan.experiment.training.seed})")
            double = ".double()" if self._double else ""  # the first parameters are drawn in float32 all the same
            lines.append(f"model = nn.Linear({inputs}, 1{kind}){double}{to}")
        else:
            double = ", dtype=torch.float64" if self._double else ""
            lines += [f"model = nn.Linear({inputs}, 1{kind}{double}){to}", *self._start()]
        self._page.section(title, *lines)
        if model.loss == "half-mse":
            self._page.function("Loss: half the mean squared error", *_HALF_MSE)
            self._page.section("Optimizer", self._optimizer(repr(self._plan.lr)))
        else:
            criterion = f"criterion = {_CRITERIA[model.loss]}"
            self._page.section("Loss and optimizer", criterion, self._optimizer(repr(self._plan.lr)))

    def _start(self) -> list[str]:
        """Lines that set the first parameters."""
        model, data = self._plan.experiment.model, self._plan.experiment.data
        if isinstance(numbers := model.init, str):
            zero_bias = ["nn.init.zeros_(model.bias)"] if self._bias else []
            if numbers == "zeros":
                return ["nn.init.zeros_(model.weight)", *zero_bias]
            seed, inputs = self._plan.experiment.training.seed, self._plan.features or "X.shape[1]"
            drawn = f"np.random.default_rng({seed}).normal(0.0, 0.01, {inputs})"
            return ["with torch.no_grad():", f"    model.weight.copy_(torch.tensor({drawn}))", *zero_bias]
        weights = numbers[:-1] if self._bias else numbers
        if data.standardize:
            moved = [f"    model.bias.fill_({numbers[-1]!r} + start @ mean)"] if self._bias else []
            set_weights = "    model.weight.copy_(torch.tensor(start * scale))"
            return [f"start = np.array({row(weights)})", "with torch.no_grad():", set_weights, *moved]
        bias = [f"nn.init.constant_(model.bias, {numbers[-1]!r})"] if self._bias else []
        if len(weights) == 1:
            return [f"nn.init.constant_(model.weight, {weights[0]!r})", *bias]
        tensor = sequence(map(repr, weights), "model.weight.copy_(torch.tensor(", ", dtype=torch.float64))")
        return ["with torch.no_grad():", *indented(tensor), *bias]

    def _optimizer(self, lr: str) -> str:
        """The statement that makes a new one."""
        optimizer = self._plan.experiment.optimizer
        name = {"Sgd": "SGD"}.get(type(optimizer).__name__, type(optimizer).__name__)
        settings = "".join(f", {key}={value!r}" for key, value in _unusual(optimizer).items())
        return f"optimizer = torch.optim.{name}(model.parameters(), lr={lr}{settings})"

    def points_at(self, at: str) -> str:
        """An expression: the list of points ``at``, as the model takes them."""
        if not self._plan.experiment.data.standardize:
            return f"torch.tensor({at}{', dtype=torch.float64' if self._double else ''}{self._on})"
        scaled = f"(np.array({at}) - mean) / scale" if self._bias else f"np.array({at}) / scale"
        return f"torch.tensor({scaled}{'' if self._double else ', dtype=torch.float32'}{self._on})"

    def predictions(self, points: str) -> str:
        """An expression: the list of predictions at ``points``."""
        z = f"model({points})"
        return f"torch.sigmoid({z}).flatten().tolist()" if self._plan.logistic else f"{z}.flatten().tolist()"

    @property
    def validation_loss(self) -> str:
        """An expression for the loss over the rows held out."""
        if not self._exact:
            return "criterion(model(X_val), y_val).item()"
        cpu = ".cpu()" if self._on else ""
        bias = f" + model.bias{cpu}.double()" if self._bias else ""
        return f"criterion(X_val @ model.weight{cpu}.double().T{bias}, y_val).item()"

    def order(self, seed: str) -> str:
        """The statement that makes the random numbers for the order of the rows."""
        return f"order = np.random.default_rng({seed})"

    def epoch(self) -> list[str]:
        """The steps of one epoch."""
        size, to = self._plan.batch, ".to(device)" if self._on else ""
        if self._plan.shuffled:
            loop = f"for rows in torch.from_numpy(order.permutation(len(X))){to}.split({size}):"
            return [loop, *indented(_step("X[rows]", "y[rows]"))]
        if size:
            return [
                f"for X_batch, y_batch in zip(X.split({size}), y.split({size})):",
                *indented(_step("X_batch", "y_batch")),
            ]
        return _step("X", "y")

    def restore(self, kept: str) -> list[str]:
        """Back to what was ``kept``."""
        return [f"model.load_state_dict({kept})"]

    def renew(self, lr: str) -> list[str]:
        """A fresh optimizer."""
        return [self._optimizer(lr)]

    def change_lr(self, lr: str) -> list[str]:
        """Another learning rate from the next step on."""
        return [f'optimizer.param_groups[0]["lr"] = {lr}']

    def gradient(self, decay: float) -> list[str]:
        """Put the gradient over all rows, with that of the weight decay, into ``gradient``, a tensor of shape (p,)."""
        part = f"(p.grad + {decay!r} * p).flatten()" if decay else "p.grad.flatten()"
        return [
            "optimizer.zero_grad()",
            "criterion(model(X), y).backward()",
            f"gradient = torch.cat([{part} for p in model.parameters()])",
        ]

    gradient_norm = "gradient.norm()"

    def is_finite(self, loss: str) -> str:
        """A condition."""
        return f"math.isfinite({loss})"

    def results(self) -> Results:
        """The final parameters, in the units of the data."""
        if not self._plan.experiment.data.standardize:
            return Results([], "model.weight[0].tolist()", "model.weight.item()", "model.bias.item()")
        cpu = ".cpu()" if self._on else ""
        lines = [f"weights = model.weight[0].detach(){cpu}.double().numpy() / scale"]
        return Results(lines, "weights", "weights[0]", "model.bias.item() - weights @ mean")


def _step(X: str, y: str) -> list[str]:
    return [
        "optimizer.zero_grad()",
        f"loss = criterion(model({X}), {y})",
        "loss.backward()",
        "optimizer.step()",
    ]


def _unusual(optimizer: Optimizer) -> dict[str, object]:
    """Settings other than the learning rate that are not what torch takes by default."""
    settings = msgspec.structs.fields(optimizer)
    return {
        field.name: value
        for field in settings
        if field.name != "lr" and (value := getattr(optimizer, field.name)) != field.default
    }
