"""The Python API: the numbers of a run as arrays, how it is stopped, what it leaves behind."""

import re
import signal
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import tui_regress
from tests.engine.conftest import join
from tui_regress import Experiment, ExperimentError, InputError, Result, open_table, train
from tui_regress.data import load_dataset
from tui_regress.engine import training
from tui_regress.engine.events import Block, Ended
from tui_regress.experiment import Logistic, Points, Table, builtin
from tui_regress.problems import describe


@pytest.fixture
def houses(tmp_path: Path) -> Path:
    """200 houses: rent = 10·area + 50·new + 100, and noise."""
    rng = np.random.default_rng(0)
    area = rng.uniform(20, 120, 200).round(1)
    new = rng.choice(["no", "yes"], 200)
    rent = (10 * area + 50 * (new == "yes") + 100 + rng.normal(0, 5, 200)).round(2)
    path = tmp_path / "houses.csv"
    rows = "".join(f"{n},{a},{w},{r}\n" for n, (a, w, r) in enumerate(zip(area, new, rent, strict=True)))
    path.write_text("number,area,new,rent\n" + rows)
    return path


@pytest.mark.parametrize(
    "name", ["gentle-line", "exploding-line", "numpy-line", "d2l-scratch", "d2l-concise", "per-sample", "pass-or-fail"]
)
def test_the_numbers_are_those_of_the_same_run_elsewhere_to_the_bit(name: str) -> None:
    events = list(training.run(builtin(name), load_dataset(builtin(name))))
    records = join(event for event in events if isinstance(event, Block))
    ended = events[-1]
    assert isinstance(ended, Ended)

    result = train(name)
    assert result.losses.tobytes() == records.loss.tobytes()
    assert result.scores.tobytes() == records.score.tobytes()
    assert result.parameters.tobytes() == records.parameters.tobytes()
    assert result.grad_norms.tobytes() == records.grad_norm.tobytes()
    assert result.lr.tobytes() == records.lr.tobytes()
    assert result.epochs.tolist() == list(range(ended.epoch + 1))
    assert result.theta.tobytes() == ended.parameters.tobytes()
    assert (result.status, result.stop, result.reason) == (ended.status, ended.stop, ended.reason)
    assert (result.verdict is None) == (ended.verdict is None)
    assert result.experiment == builtin(name)


def test_a_run_gives_the_figures_of_the_tutorial() -> None:
    result = train("gentle-line")
    np.testing.assert_allclose(result.losses[[0, 1, 2, 100]], [44, 25.6608, 14.9735, 2.4474e-2], rtol=1e-4)
    np.testing.assert_allclose(result.theta, [1.99518, 0.01740], atol=1e-5)
    np.testing.assert_allclose(result.predict(6), [11.98848], rtol=1e-5)
    assert result.parameter_names == ("w[x]", "b")
    assert result.parameters.shape == (1001, 2)
    assert result.validation_losses is None
    assert result.formula() == "y = 1.995·x + 0.017"
    assert result.forecast is not None
    assert result.forecast.limit == pytest.approx(0.084524, rel=1e-4)
    assert result.exact.parameters is not None
    np.testing.assert_allclose(result.exact.parameters, [2, 0], atol=1e-12)
    assert result.metrics is not None
    assert result.metrics.training.rows == 5
    assert result.metrics.validation is None


def test_an_explosion_is_a_result_and_no_error() -> None:
    result = train("exploding-line")
    assert result.status == "diverged"
    assert result.verdict is not None
    assert result.reason == result.verdict.message
    assert np.isfinite(result.theta).all()
    assert len(result.losses) < 1001


def test_a_run_that_recovers_says_how() -> None:
    result = train("exploding-line", settings={"training.on_divergence": "recover"})
    assert result.status == "completed"
    [recovery] = result.recoveries
    assert result.lr[recovery.epoch] == pytest.approx(0.1)
    assert result.lr[recovery.epoch + 1] == pytest.approx(recovery.lr)


def test_a_table_is_trained_with_rows_held_out_and_reported_in_its_own_units(houses: Path) -> None:
    experiment = open_table(
        houses, "rent", drop=["number"], settings={"training.validation": 0.25, "device.dtype": "float64"}
    )
    result = train(experiment, settings={"training.epochs": 500})
    assert result.dataset.feature_names == ("area", "new=yes")
    assert result.dataset.X.shape == (150, 2)
    assert result.dataset.validation is not None
    assert result.validation_losses is not None
    assert result.losses.shape == result.validation_losses.shape == (501,)
    np.testing.assert_allclose(result.theta, [10, 50, 100], rtol=0.05)

    held = result.dataset.validation
    errors = result.predict(held.X) - held.y
    assert result.metrics is not None
    assert result.metrics.validation is not None
    assert result.validation_losses[-1] == pytest.approx(np.mean(errors**2), rel=1e-9)
    assert dict(result.metrics.validation.figures())["RMSE"] == pytest.approx(np.sqrt(np.mean(errors**2)), rel=1e-9)
    design = np.column_stack((result.dataset.X, np.ones(150)))
    assert result.exact.parameters is not None
    np.testing.assert_allclose(
        result.exact.parameters, np.linalg.lstsq(design, result.dataset.y, rcond=None)[0], rtol=1e-9
    )
    assert any("held out" in note for note in result.notes)


def test_open_table_says_which_columns_there_are(houses: Path) -> None:
    with pytest.raises(InputError, match="number, area, new, rent"):
        open_table(houses)
    with pytest.raises(ExperimentError, match="'rents': is not a column"):
        open_table(houses, "rents")


def test_open_table_takes_features_and_settings(houses: Path) -> None:
    opened = open_table(str(houses), "rent", ["area"], settings={"optimizer.lr": 0.25, "model.loss": "half-mse"})
    assert isinstance(opened.data, Table)
    assert opened.data.features == ("area",)
    assert (opened.optimizer.lr, opened.model.loss) == (0.25, "half-mse")


def test_what_is_wrong_is_said_in_a_sentence() -> None:
    with pytest.raises(ExperimentError, match=r"^optimizer\.lr = -1: must be a number above 0\.$"):
        train("gentle-line", settings={"optimizer.lr": -1})
    with pytest.raises(InputError, match=r"did you mean gentle-line\?"):
        train("gentel-line")


def test_an_experiment_put_together_by_hand_is_checked() -> None:
    with pytest.raises(ExperimentError, match=r"^data\.x = \[1\.0\]: must hold at least two points\.$"):
        train(Experiment(data=Points((1.0,), (2.0,))))


def test_an_experiment_put_together_by_hand_is_trained() -> None:
    points = Points(((0.0, 1.0), (1.0, 0.0), (2.0, 5.0), (3.0, -1.0)), (0.0, 0.0, 1.0, 1.0))
    result = train(Experiment(data=points, model=Logistic()), settings={"training.epochs": 10})
    assert result.parameter_names == ("w[x1]", "w[x2]", "b")
    z = np.array([[2.0, 5.0], [0.0, 1.0]]) @ result.theta[:2] + result.theta[2]
    np.testing.assert_allclose(result.predict([[2, 5], [0, 1]]), 1 / (1 + np.exp(-z)), rtol=1e-12)
    np.testing.assert_allclose(result.predict([2, 5]), 1 / (1 + np.exp(-z[:1])), rtol=1e-12)


def test_x_of_another_shape_is_told() -> None:
    line = train("gentle-line", settings={"training.epochs": 1})
    assert line.predict([1, 2, 3]).shape == line.predict([[1], [2], [3]]).shape == (3,)
    with pytest.raises(InputError, match=r"^X has the shape \(1, 2\); it must have one column, x\.$"):
        line.predict([[1, 2]])
    with pytest.raises(InputError, match=r"^X must hold numbers alone, as many in each row\.$"):
        line.predict([["a"]])
    plane = train("d2l-scratch", settings={"training.epochs": 1})
    with pytest.raises(InputError, match=r"^X has the shape \(3,\); it must have 2 columns, x1, x2\.$"):
        plane.predict([1, 2, 3])


def test_blocks_are_handed_on_as_they_come() -> None:
    blocks = list[Block]()
    result = train("gentle-line", on_block=blocks.append)
    assert join(blocks).loss.tobytes() == result.losses.tobytes()


def test_ctrl_c_stops_the_run_and_leaves_what_there_is() -> None:
    before = signal.getsignal(signal.SIGINT)
    seen = list[int]()

    def interrupt(block: Block) -> None:
        if not seen and block.last > 100:
            signal.raise_signal(signal.SIGINT)
            seen.append(block.last)

    result = train("gentle-line", settings={"training.epochs": 10**9}, on_block=interrupt)
    assert (result.status, result.stop) == ("stopped", "asked")
    assert result.epochs[-1] == seen[0]
    assert result.theta.tobytes() == result.parameters[-1].tobytes()
    assert result.losses[:101].tobytes() == train("gentle-line").losses[:101].tobytes()
    assert signal.getsignal(signal.SIGINT) is before


def test_a_keyboard_interrupt_from_on_block_does_the_same() -> None:
    def interrupt(block: Block) -> None:
        if block.last > 100:
            raise KeyboardInterrupt

    result = train("gentle-line", settings={"training.epochs": 10**9}, on_block=interrupt)
    assert result.status == "stopped"
    assert 100 < result.epochs[-1] < 10**6


def test_it_trains_in_any_thread() -> None:
    results = list[Result]()
    thread = threading.Thread(target=lambda: results.append(train("gentle-line")))
    thread.start()
    thread.join()
    assert results[0].losses.tobytes() == train("gentle-line").losses.tobytes()


def test_an_error_of_on_block_passes_through() -> None:
    def fail(_block: Block) -> None:
        raise RuntimeError("as it should")

    with pytest.raises(RuntimeError, match="as it should"):
        train("gentle-line", on_block=fail)


def test_nothing_is_printed_unless_asked_for(capfd: pytest.CaptureFixture[str]) -> None:
    train("gentle-line")
    assert capfd.readouterr() == ("", "")
    train("gentle-line", progress=True)
    out, err = capfd.readouterr()
    assert out == ""
    assert err.startswith("\r")
    assert "100%  epoch 1,000, loss 5.51e-5" in err
    assert err.endswith("\n")


def test_a_model_that_is_saved_is_loaded_by_torch_and_opened_again(tmp_path: Path) -> None:
    result = train("cpu-line")
    result.save(tmp_path / "line.pt")
    line = torch.nn.Linear(1, 1)
    line.load_state_dict(torch.load(tmp_path / "line.pt", weights_only=True))
    np.testing.assert_allclose(line(torch.tensor([[11.0]])).detach().numpy()[0], result.predict(11), rtol=1e-6)
    assert train(str(tmp_path / "line.pt")).losses.tobytes() == result.losses.tobytes()


def test_the_script_of_a_run_gives_its_parameters(tmp_path: Path) -> None:
    result = train("exploding-line", settings={"training.on_divergence": "recover", "training.epochs": 200})
    (tmp_path / "run.py").write_text(result.script(), encoding="utf-8")
    told = subprocess.run([sys.executable, "run.py"], cwd=tmp_path, capture_output=True, text=True, check=True)
    shown = dict(line.split(" = ") for line in told.stdout.splitlines() if line.startswith(("w", "b")))
    np.testing.assert_allclose([float(value) for value in shown.values()], result.theta, rtol=1e-4, atol=1e-4)


def test_a_run_is_kept_where_a_store_is_named(tmp_path: Path) -> None:
    from tui_regress.runs.store import Store

    result = train("gentle-line", store=tmp_path / "runs.sqlite")
    assert result.run_id is not None
    with Store(tmp_path / "runs.sqlite") as store:
        kept = store.kept(result.run_id)
    assert kept.summary.status == "completed"
    assert kept.parameters is not None
    assert kept.parameters.tobytes() == result.theta.tobytes()
    assert train("gentle-line").run_id is None


def test_a_result_shows_itself_in_one_line(houses: Path) -> None:
    assert repr(train("gentle-line")) == (
        "<gentle-line: completed after 1,000 epochs, loss 5.51e-5, R² 1.00, RMSE 0.00742, MAE 0.00637>"
    )
    assert repr(train("exploding-line", settings={"training.epochs": 1})).startswith(
        "<exploding-line: completed after 1 epoch, loss 82.1, R² "
    )
    held = repr(train(open_table(houses, "rent", ["area"], settings={"training.validation": 0.2})))
    assert held.startswith("<houses: completed after 1,000 epochs, loss ")
    assert held.endswith(" on the rows held out>")


def test_the_package_has_the_public_names_and_no_others() -> None:
    assert set(tui_regress.__all__) < set(dir(tui_regress))
    assert all(getattr(tui_regress, name) is not None for name in tui_regress.__all__)
    with pytest.raises(AttributeError, match="module 'tui_regress' has no attribute 'trian'"):
        getattr(tui_regress, "trian")  # noqa: B009 (a type checker refuses the plain way, as it should)
    assert describe(InputError("No.")) == "No."


def test_the_example_of_the_readme_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    readme = Path(__file__).parents[1].joinpath("README.md").read_text(encoding="utf-8")
    [example] = re.findall(r"<!-- python -->\n```python\n(.*?)```", readme, flags=re.DOTALL)
    rng = np.random.default_rng(0)
    rows = [f"{area:.0f},{rooms},{3000 * area + 9000 * rooms}" for area, rooms in rng.integers(2, 90, size=(80, 2))]
    (tmp_path / "houses.csv").write_text("\n".join(["area,rooms,price", *rows]))
    monkeypatch.chdir(tmp_path)

    found: dict[str, Any] = {}
    exec(compile(example, "README.md", "exec"), found)  # noqa: S102 - our own example
    assert found["result"].status == "completed"
    assert (tmp_path / "houses.pt").exists()
