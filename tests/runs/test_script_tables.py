"""Scripts that read a table: they end with the parameters of the run, whatever the file looks like."""

import gzip
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from tests.runs.executing import execute
from tui_regress.data import load_dataset
from tui_regress.data.tables import pinned
from tui_regress.engine import training
from tui_regress.engine.events import Ended
from tui_regress.experiment import Experiment, decode, override
from tui_regress.runs.script import script

HOUSES = """Größe (m²);Alter;Lage;Balkon;Preis
120,5;10;süd;ja;1.250,5
80;35;nord; nein;640
95,25;;west;ja;700,25
60;50;;nein;380
150;5;süd;ja;1.600
70;NA;west;nein;510,5
110;20;nord;ja;NA
85;?;nord;nein;590
130;15;süd;nein;1.280
100;40;west;ja;690
"""


def table(path: Path, target: str, model: str = "linear", **data: Any) -> Experiment:
    settings = {"epochs": 60, "gradient": "numpy"}
    return decode(
        {
            "data": {"source": "table", "path": str(path), "target": target, "standardize": True, **data},
            "model": {"kind": model},
            "optimizer": {"lr": 0.1},
            "training": settings,
            "device": {"name": "cpu", "dtype": "float64"},
        }
    )


def check(folder: Path, experiment: Experiment) -> str:
    """The script of ``experiment``, which gives what the run gives."""
    dataset = load_dataset(experiment)
    text = script(experiment, dataset)
    found = execute(text, folder)
    *_, ended = training.run(experiment, dataset)
    assert isinstance(ended, Ended)
    assert found.err == ""
    np.testing.assert_allclose(found.parameters, ended.parameters, 2e-6, 1e-9, err_msg=text)
    printed = [line.rpartition(" = ")[0] for line in found.out.splitlines()[-len(found.parameters) :]]
    assert printed == [*(f"w[{name}]" for name in dataset.feature_names), "b"]
    return text


@pytest.mark.parametrize("encoding", ["cp1252", "utf-8-sig", "utf-16"])
@pytest.mark.parametrize("missing", ["drop", "mean"])
@pytest.mark.parametrize("validation", [0.0, 0.25])
def test_semicolons_decimal_commas_texts_and_gaps(
    tmp_path: Path, validation: float, missing: str, encoding: str
) -> None:
    path = tmp_path / "häuser.csv"
    path.write_bytes(HOUSES.encode(encoding))
    columns = ["Größe (m²)", "Alter", "Lage", "Balkon"]
    experiment = table(path, "Preis", features=columns, missing=missing)
    text = check(tmp_path, override(experiment, {"training.validation": validation}))
    assert f'encoding="{encoding}"' in text


@pytest.mark.parametrize("missing", ["drop", "mean"])
def test_a_kept_run_whose_columns_are_pinned_down(tmp_path: Path, missing: str) -> None:
    path = tmp_path / "häuser.csv"
    path.write_bytes(HOUSES.encode("cp1252"))
    experiment = table(path, "Preis", features=["Größe (m²)", "Alter", "Lage", "Balkon"], missing=missing)
    check(tmp_path, pinned(experiment, load_dataset(experiment)))


def test_where_the_cells_leave_it_open_the_decimal_mark_is_that_of_the_model(tmp_path: Path) -> None:
    path = tmp_path / "thousands.csv"
    path.write_text("a;y\n1.234;1\n2.500;2\n 3.100;3\n4.000;5\n")
    comma, point = (
        check(tmp_path, table(path, "y", columns=[{"name": "a", "decimal": decimal}])) for decimal in (",", ".")
    )
    assert '.replace(".", "")' in comma
    assert "replace" not in point


def test_a_point_that_can_only_be_a_decimal_mark_is_one_whatever_the_model_says(tmp_path: Path) -> None:
    path = tmp_path / "points.csv"
    path.write_text("a;y\n1.25;1\n2.5;2\n3.125;3\n4.0;5\n")
    assert "replace" not in check(tmp_path, table(path, "y", columns=[{"name": "a", "decimal": ","}]))


def test_many_columns_of_numbers_are_read_by_their_names(tmp_path: Path) -> None:
    path = tmp_path / "plain.csv"
    rng = np.random.default_rng(0)
    X = rng.normal(size=(30, 6))
    y = X.sum(axis=1) + rng.normal(size=30)
    pl.DataFrame({f"column {i}": column for i, column in enumerate(X.T)} | {"y": y}).write_csv(path)
    text = check(tmp_path, table(path, "y"))
    assert "for name in names" in text
    assert text.count("names = ") == 1
    assert "missing" not in text


TEXTS = {
    "without-header.csv": "1,2,3.5\n2,1,4\n3,5,1\n4,4,2.5\n",
    "blank-rows.csv": "\n\na,b,y\n1,2,3.5\n\n2,1,4\n , ,\n3,5,1\n4,4,2.5\n\n",
    "same-names.csv": "a,a,,y\n1,2,5,3.5\n2,1,4,4\n3,5,6,1\n4,4,4,2.5\n5,1,1,1\n",
    "short-rows.tsv": "a\tb\ty\r\n1\t2\t3.5\r\n2\r\n3\t5\t1\r\n4\t4\t2.5\r\n",
    "quotes.csv": 'a,"b ""x"", {y}\n",y\n1,"2",3.5\n2,1,4\n3,5,1\n4,4,2.5\n',
    "old-mac.csv": "a,b,y\r1,2,3.5\r2,1,4\r3,5,1\r4,4,2.5\r",
    "spaces.csv": "a , b,y\n 1,2 , 3.5\nNA , 3, 3\n2,1,4\n3,5,1\n4,4,2.5\n",
    "packed.csv.gz": "a,b,y\n1,2,3.5\n2,1,4\n3,5,1\n4,4,2.5\n",
    "comma-and-bar.txt": "a|b|y\n1,5|2|3\n2,5|1|4\n3|5|1\n4|4|2\n",
}


@pytest.mark.parametrize("name", TEXTS)
def test_layouts(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    content = TEXTS[name].encode()
    path.write_bytes(gzip.compress(content) if name.endswith(".gz") else content)
    check(tmp_path, table(path, "column_3" if name == "without-header.csv" else "y"))


TARGETS = {
    "texts": "x,y\n1,yes\n2, no\n3,yes\n4,no\n5,yes\n",
    "numbers": "x,y\n1,2\n2,1\n3,2.0\n4,1\n5,2\n",
    "zero-and-one": "x,y\n1,0\n2,1\n3,0\n4,1\n5,1\n",
    "truth": "x,y\n1,True\n2,FALSE\n3,true\n4,false\n5,true\n",
    "decimal-commas": "x;y\n1;1,5\n2;2,5\n3;1,5\n4;2,5\n5;1,5\n",
    "long": f"x,y\n1,{'a' * 50}1\n2,b\n3,b\n4,{'a' * 50}1\n5,b\n",
    "alike": f"x,y\n1,{'a' * 50}1\n2,{'a' * 50}2\n3,{'a' * 50}2\n4,{'a' * 50}1\n5,{'a' * 50}2\n",
}


@pytest.mark.parametrize("name", TARGETS)
def test_two_classes(tmp_path: Path, name: str) -> None:
    path = tmp_path / "classes.csv"
    path.write_text(TARGETS[name])
    check(tmp_path, table(path, "y", "logistic"))


def test_a_linear_model_of_true_and_false(tmp_path: Path) -> None:
    path = tmp_path / "truth.csv"
    path.write_text(TARGETS["truth"])
    check(tmp_path, table(path, "y"))


@pytest.mark.parametrize("missing", ["drop", "mean"])
@pytest.mark.parametrize("model", ["linear", "logistic"])
def test_parquet(tmp_path: Path, model: str, missing: str) -> None:
    path = tmp_path / "table.parquet"
    frame = pl.DataFrame(
        {
            "size": [1.0, 2.0, float("nan"), 4.0, 5.0, 7.0, 1.5, 2.5],
            "*": [3, None, 1, 2, 5, 6, 1, 2],
            "^.*$": ["a", "b", " a", "b", None, "a", "b", "a"],
            "kind": ["x", "y", "z", "NA", "x", "y", "x", "z"],
            "flag": [True, False, True, None, False, True, False, True],
            "digits": ["1", " 2", "3", "4", "5", "6.5", "7", "1"],
            "y": [1, 2, 2, 1, 1, None, 2, 1],
        }
    )
    frame.with_columns(pl.col("kind").cast(pl.Categorical)).write_parquet(path)
    chosen = ["size", "*", "^.*$", "kind", "flag", "digits"]
    text = check(tmp_path, table(path, "y", model, features=chosen, missing=missing))
    assert "import polars as pl" in text


def test_the_fills_of_a_saved_model_are_written_out(tmp_path: Path) -> None:
    path = tmp_path / "gaps.csv"
    path.write_text("a,b,y\n1,,3\n2,1,4\n,5,1\n4,4,2\n")
    columns = [{"name": "a", "fill": [2.5]}, {"name": "b", "fill": [1.25]}]
    text = check(tmp_path, table(path, "y", missing="mean", columns=columns))
    assert "fill = np.array([2.5, 1.25])" in text


def test_names_cannot_break_out_of_the_script(tmp_path: Path) -> None:
    names = [
        '"); raise SystemExit("',
        "'''\\",
        "{1/0}",
        "{{x}",
        "a\nraise SystemExit",
        "\x1b[31m",
        "torch.",
        "\u202eabc",
    ]
    rng = np.random.default_rng(0)
    columns = {name: rng.normal(size=12) for name in names}
    texts = {"kind": ['"', "'\n{"] * 6}
    path = tmp_path / "we\"ird'\n{name}.csv"
    pl.DataFrame(columns | texts | {"ça": rng.normal(size=12)}).write_csv(path)
    heading = {"name": "coding: utf-7\nraise SystemExit", "title": "\nraise SystemExit"}
    experiment = override(table(path, "ça"), heading)
    text = check(tmp_path, experiment)
    assert all(line.isprintable() for line in text.splitlines())
    for name in load_dataset(experiment).feature_names[:-1]:
        check(tmp_path, override(experiment, {"data.features": [name]}))


def test_standard_input(tmp_path: Path) -> None:
    program = """
import sys
from tui_regress.data import load_dataset
from tui_regress.data.tables import pinned
from tui_regress.experiment import decode
from tui_regress.runs.script import script
data = {"source": "table", "path": "-", "target": "y"}
experiment = decode({"data": data, "training": {"epochs": 3, "gradient": "numpy"}, "device": {"name": "cpu"}})
sys.stdout.write(script(experiment, load_dataset(experiment)))
"""
    table_ = tmp_path / "table.csv"
    table_.write_text("a;y\n1,5;2\n2;3\n3;5\n")
    content = table_.read_bytes()
    text = subprocess.run([sys.executable, "-c", program], input=content, capture_output=True, check=True).stdout
    found = subprocess.run([sys.executable, "-c", text], input=content, capture_output=True, check=True).stdout.decode()
    assert found.startswith("epoch 1   loss ")
    assert found.splitlines()[-2].startswith("w[a] = ")


def test_while_a_table_is_read_the_script_says_so(tmp_path: Path) -> None:
    experiment = table(tmp_path / "table.csv", "y")
    for gradient in ("numpy", "auto"):
        text = script(override(experiment, {"training.gradient": gradient, "training.validation": 0.2}))
        assert "once the table has been read" in text
        compile(text, "script", "exec")
