import gzip
from pathlib import Path

import numpy as np
import pytest

from tui_regress.data import load_dataset
from tui_regress.data.opening import open_experiment
from tui_regress.experiment import Experiment, Linear, Logistic, Sgd, Table, builtin, dumps, loads
from tui_regress.problems import InputError
from tui_regress.text import printable


@pytest.fixture
def houses(tmp_path: Path) -> Path:
    path = tmp_path / "houses.csv"
    path.write_text("size,rooms,price,city,sold,grade\n1,2,3,a,yes,1\n2,3,5,b,no,2\n4,4,4,c,no,1\n")
    return path


def problem(
    argument: str | Path,
    target: str | None = None,
    features: tuple[str, ...] | None = None,
    drop: tuple[str, ...] = (),
) -> str:
    with pytest.raises(InputError) as caught:
        open_experiment(str(argument), target, features, drop)
    return str(caught.value)


def test_built_in_name_opens_that_experiment() -> None:
    assert open_experiment("gentle-line") == builtin("gentle-line")


def test_built_in_name_wins_over_a_file_unless_a_path_is_meant(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("gentle-line").write_text("no experiment")
    assert open_experiment("gentle-line").name == "gentle-line"
    assert "is by its name neither an experiment" in problem("./gentle-line")


def test_toml_file_opens_as_it_was_written(tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    path.write_text(dumps(builtin("adam-line")))
    assert open_experiment(str(path)) == builtin("adam-line")


def test_saved_model_opens_the_experiment_beside_it(tmp_path: Path) -> None:
    (tmp_path / "mine.pt").touch()
    missing = problem(tmp_path / "mine.pt")
    assert missing.endswith("mine.pt: its experiment, mine.toml, is not beside it; put the two in one folder.")
    (tmp_path / "mine.toml").write_text(dumps(builtin("cpu-line")))
    assert open_experiment(str(tmp_path / "mine.pt")) == builtin("cpu-line")


def test_table_with_a_quantity_as_target_is_fitted_by_a_linear_model(houses: Path) -> None:
    experiment = open_experiment(str(houses), "price")
    assert experiment.data == Table(str(houses.resolve()), "price", standardize=True)
    assert experiment.model == Linear()
    assert experiment.optimizer == Sgd(lr=0.1)
    assert experiment.training.epochs == 1000
    assert experiment.name == "houses"
    assert experiment.title == "price in houses.csv"
    assert experiment.about == (
        "Linear regression: price as a weighted sum of every other column of numbers or two values."
    )
    assert load_dataset(experiment).feature_names == ("size", "rooms", "sold=yes", "grade")


@pytest.mark.parametrize(("target", "classes"), [("sold", "yes, not no"), ("grade", "2, not 1")])
def test_table_with_two_valued_target_is_fitted_by_a_logistic_model(houses: Path, target: str, classes: str) -> None:
    experiment = open_experiment(str(houses), target, ["size", "rooms"])
    assert experiment.data == Table(str(houses.resolve()), target, ("size", "rooms"), standardize=True)
    assert experiment.model == Logistic()
    assert experiment.title == f"{target} in houses.csv"
    assert experiment.about == f"Logistic regression: the probability that {target} is {classes}, by size, rooms."
    assert set(load_dataset(experiment).y) == {0.0, 1.0}


def test_experiment_of_a_table_can_be_saved_and_opened_from_another_folder(
    houses: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(houses.parent)
    experiment = open_experiment("houses.csv", "price")
    (elsewhere := tmp_path / "elsewhere").mkdir()
    (elsewhere / "saved.toml").write_text(dumps(experiment))
    monkeypatch.chdir(elsewhere)
    assert open_experiment("saved.toml") == experiment
    assert load_dataset(experiment).rows == 3


def test_home_folder_is_understood(houses: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(houses.parent))
    monkeypatch.setenv("USERPROFILE", str(houses.parent))
    assert open_experiment("~/houses.csv", "price").name == "houses"


def test_a_table_of_fifty_rows_with_a_target_holds_some_out(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    for rows, share in ((49, 0.0), (50, 0.2)):
        path.write_text("x,y\n" + "".join(f"{row},{row}\n" for row in range(rows)) + "7,\n" * 5)
        assert open_experiment(str(path), "y").training.validation == share


def test_dropped_columns_are_no_features(houses: Path) -> None:
    experiment = open_experiment(str(houses), "price", drop=("rooms", "sold"))
    assert isinstance(experiment.data, Table)
    assert experiment.data.drop == ("rooms", "sold")
    assert load_dataset(experiment).feature_names == ("size", "grade")
    assert "data.drop = 'room'" in problem(houses, "price", drop=("room",))


@pytest.mark.parametrize(
    ("features", "drop", "count"),
    [
        (None, (), 4),
        (None, ("size",), 3),
        (("city",), (), 19),
        (("size", "city", "sold"), (), 21),
        (("size",), (), 1),
    ],
)
def test_the_rate_counts_the_columns_that_will_be_features(
    tmp_path: Path, features: tuple[str, ...] | None, drop: tuple[str, ...], count: int
) -> None:
    path = tmp_path / "t.csv"
    # The last of the twenty cities appears when most of the table has been read.
    rows = "".join(f"{row},{row % 3},{row % 7},c{min(row // 100, 19)},{'ab'[row % 2]},{row}\n" for row in range(2500))
    path.write_text("size,rooms,floor,city,sold,price\n" + rows)
    experiment = open_experiment(str(path), "price", features, drop)
    assert load_dataset(experiment).features == count
    assert experiment.optimizer.lr == float(f"{min(0.1, 0.5 / count):.1g}")


def test_the_rate_of_an_opened_table_is_stable_even_where_all_columns_repeat_each_other(tmp_path: Path) -> None:
    columns = 30
    path = tmp_path / "same.csv"
    header = ",".join(f"c{k}" for k in range(columns))
    path.write_text(f"{header},y\n" + "".join(",".join([str(k * k)] * columns) + f",{k}\n" for k in range(20)))
    experiment = open_experiment(str(path), "y")
    Z = load_dataset(experiment).trained.X
    largest = np.linalg.eigvalsh(2 / len(Z) * Z.T @ Z)[-1]
    assert experiment.optimizer.lr < 2 / largest


def test_packed_table_is_named_without_both_suffixes(tmp_path: Path) -> None:
    path = tmp_path / "my.houses.csv.gz"
    path.write_bytes(gzip.compress(b"x,y\n1,2\n2,3\n3,5\n"))
    assert open_experiment(str(path), "y").name == "my.houses"


def test_hostile_names_are_safe_in_title_and_about_and_survive_saving(tmp_path: Path) -> None:
    path = tmp_path / "[red]\x1b[31m.csv"
    path.write_text("[b]\x1b,\x07y\n1,2\n2,3\n3,5\n")
    experiment = open_experiment(str(path), "\x07y", ["[b]\x1b"])
    assert experiment.name == "[red]�[31m"
    assert experiment.title == "�y in [red]�[31m.csv"
    assert experiment.about == "Linear regression: �y as a weighted sum of [b]�."
    assert loads(dumps(experiment)) == experiment
    assert load_dataset(experiment).feature_names == ("[b]�",)


def test_table_without_target_names_its_columns(houses: Path) -> None:
    assert problem(houses) == (
        "name the column to predict, with --target or target=; houses.csv has: size, rooms, price, city, sold, grade."
    )


def test_unknown_target_is_told_with_the_nearest_names(houses: Path) -> None:
    assert problem(houses, "prize") == (
        "data.target = 'prize': is not a column of houses.csv; did you mean price or size?"
    )


def test_target_and_features_are_for_tables_only(tmp_path: Path) -> None:
    assert problem("gentle-line", "y") == (
        "--target is for the columns of a table, and gentle-line is a built-in experiment."
    )
    assert problem("gentle-line", None, ("x",)).startswith("--features is for the columns of a table")
    assert problem("gentle-line", drop=("x",)).startswith("--drop is for the columns of a table")
    path = tmp_path / "mine.toml"
    path.write_text(dumps(builtin("adam-line")))
    assert problem(path, "y").endswith("mine.toml is an experiment.")
    (tmp_path / "mine.pt").touch()
    assert problem(tmp_path / "mine.pt", "y").endswith("mine.pt is a saved model.")


def test_name_of_nothing_suggests_the_nearest_built_in_one() -> None:
    assert problem("gentel-line") == (
        "there is no built-in experiment or file called 'gentel-line'; did you mean gentle-line?"
    )
    assert problem("houses").endswith("or file called 'houses'; `tui-regress list` names the built-in ones.")


@pytest.mark.parametrize("name", ["./x", "x.csv", "gentle-lines.toml", "no/such\x1b.csv"])
def test_what_looks_like_a_file_is_missing_as_one(name: str) -> None:
    assert problem(name) == f"{printable(name)}: there is no such file."


def test_folders_and_foreign_files_are_told_apart(tmp_path: Path) -> None:
    assert problem(tmp_path, "y") == f"{tmp_path}: is a folder; name a file in it."
    (tmp_path / "t.xlsx").touch()
    assert problem(tmp_path / "t.xlsx", "y") == (
        f"{tmp_path / 't.xlsx'}: is by its name neither an experiment (.toml), a saved model (.pt) nor a table "
        "(.csv, .tsv, .txt, each also as .gz, or .parquet)."
    )


def test_names_that_no_system_takes_are_told(tmp_path: Path) -> None:
    assert problem("x" * 5000 + ".csv").endswith("…: File name too long.")
    assert problem("~no-such-user/t.csv") == "~no-such-user/t.csv: Could not determine home directory."
    with pytest.raises(InputError, match="cannot be read: File name too long"):
        load_dataset(Experiment(data=Table(str(tmp_path / ("x" * 5000 + ".csv")), "y")))
