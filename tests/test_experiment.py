"""The experiment and its file: what is right comes back the same, what is wrong gets one sentence."""

import datetime as dt
import inspect
import re
import string
from collections.abc import Callable
from importlib import resources
from pathlib import Path
from typing import Any

import msgspec
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from tui_regress import experiments
from tui_regress.experiment import (
    Adagrad,
    Adam,
    AdamW,
    Device,
    Experiment,
    Linear,
    LinearData,
    Logistic,
    LogisticData,
    NAdam,
    Points,
    Predict,
    RMSprop,
    Sgd,
    Table,
    Training,
    builtin,
    decode,
    dumps,
    encode,
    load,
    loads,
    override,
)
from tui_regress.problems import ExperimentError, InputError
from tui_regress.text import printable

TWO_POINTS = "[data]\nsource = 'points'\nx = [1, 2]\ny = [2, 4]\n"
GENERATED = "[data]\nsource = 'linear'\n"

numbers = st.floats(allow_nan=False, allow_infinity=False)
lists = st.lists(numbers, max_size=4).map(tuple)
not_negative = st.floats(0, 1e9)
positive = st.floats(1e-12, 1e9)
fractions = st.floats(0, 1, exclude_max=True)
seeds = st.integers(0, 2**63 - 1)
texts = st.text(st.characters(codec="utf-8"), max_size=20)


@st.composite
def points(draw: st.DrawFn) -> Points:
    n, d = draw(st.integers(2, 5)), draw(st.integers(1, 3))
    rows = st.lists(numbers, min_size=d, max_size=d).map(tuple)
    x = draw(st.lists(rows if d > 1 else numbers | rows, min_size=n, max_size=n))
    return Points(tuple(x), tuple(draw(st.lists(numbers, min_size=n, max_size=n))))


@st.composite
def generated(draw: st.DrawFn, kind: type[LinearData | LogisticData]) -> LinearData | LogisticData:
    x = draw(st.sampled_from(["normal", "uniform", "range"]))
    settings: dict[str, Any] = {"x": x, "noise": draw(st.sampled_from(["normal", "uniform"]))}
    settings |= {"weights": draw(st.lists(numbers, min_size=1, max_size=3).map(tuple))}
    if x == "range":
        settings["weights"] = settings["weights"][:1]
    if x != "normal":
        settings["low"] = draw(st.none() | st.floats(-1e6, 0))
        settings["high"] = draw(st.none() | st.floats(1, 1e6))
    if x == "range" and draw(st.booleans()):
        settings["step"] = draw(st.floats(1e-3, 1))
    else:
        settings["rows"] = draw(st.none() | st.integers(2, 10**8))
    return kind(bias=draw(numbers), noise_scale=draw(not_negative), seed=draw(seeds), **settings)


momenta: st.SearchStrategy[dict[str, Any]] = st.builds(dict, momentum=not_negative, dampening=numbers) | st.builds(
    dict, momentum=positive, nesterov=st.just(value=True)
)
inits = st.sampled_from(["zeros", "normal", "torch"]) | lists
adam_like = {
    "lr": positive,
    "betas": st.tuples(fractions, fractions),
    "eps": not_negative,
    "weight_decay": not_negative,
}
valid_experiments = st.builds(
    Experiment,
    data=points()
    | generated(LinearData)
    | generated(LogisticData)
    | st.builds(Table, texts, texts, st.none() | st.lists(texts, max_size=3).map(tuple)),
    model=st.builds(Linear, st.booleans(), inits, st.sampled_from(["mse", "half-mse", "sse"]))
    | st.builds(Logistic, st.booleans(), inits, st.sampled_from(["bce", "bce-sum"])),
    optimizer=st.builds(
        lambda lr, decay, other: Sgd(lr=lr, weight_decay=decay, **other), positive, not_negative, momenta
    )
    | st.builds(Adam, **adam_like, amsgrad=st.booleans())
    | st.builds(AdamW, **adam_like, amsgrad=st.booleans())
    | st.builds(NAdam, **adam_like, momentum_decay=not_negative)
    | st.builds(RMSprop, positive, fractions, not_negative, not_negative, not_negative, st.booleans())
    | st.builds(Adagrad, positive, not_negative, not_negative, not_negative, not_negative),
    training=st.builds(
        Training,
        st.integers(1, 10**9),
        st.integers(0, 10**6),
        st.booleans(),
        seeds,
        validation=fractions.filter(bool),
        patience=st.integers(0, 10**6),
        tolerance=not_negative,
        gradient=st.sampled_from(["auto", "autograd", "analytic"]),
        on_divergence=st.sampled_from(["stop", "continue"]),
    ),
    device=st.builds(
        Device, st.sampled_from(["auto", "cpu", "cuda", "cuda:12"]), st.sampled_from(["float32", "float64"])
    ),
    predict=st.builds(Predict, st.lists(lists, max_size=3).map(tuple)),
    name=texts,
    title=texts,
    about=texts,
)


@given(valid_experiments)
def test_every_experiment_comes_back_from_its_file_the_same(experiment: Experiment) -> None:
    read = decode(encode(experiment))
    assert loads(dumps(read)) == read
    assert msgspec.structs.replace(read, name="", title="", about="") == msgspec.structs.replace(
        experiment, name="", title="", about=""
    )


def test_a_file_may_set_the_rate_or_the_bias_and_nothing_else_of_its_table() -> None:
    experiment = loads(TWO_POINTS + "[optimizer]\nlr = 0.5\n[model]\nbias = false")
    assert experiment.optimizer == Sgd(lr=0.5)
    assert experiment.model == Linear(bias=False)


def test_headings_are_made_safe_to_print() -> None:
    read = decode({"name": "a\x1b[31m", "about": "two\nlines", "data": {"source": "points", "x": [1, 2], "y": [2, 4]}})
    assert (read.name, read.about) == ("a�[31m", "two lines")


def test_the_file_is_written_for_people_arrays_on_one_line() -> None:
    text = dumps(builtin("gentle-line"))
    assert "\nx = [1.0, 2.0, 3.0, 4.0, 5.0]\n" in text
    assert text.index("name = ") < text.index("[data]") < text.index("[model]") < text.index("[optimizer]")


# Built-in experiments


def test_the_list_names_exactly_the_files_that_ship() -> None:
    files = {path.name.removesuffix(".toml") for path in resources.files(experiments).iterdir() if ".toml" in path.name}
    assert files == set(experiments.NAMES)
    assert len(experiments.NAMES) == 13


@pytest.mark.parametrize("name", experiments.NAMES)
def test_every_built_in_experiment_loads_and_tells_its_story(name: str) -> None:
    experiment = builtin(name)
    assert experiment.name == name
    assert 0 < len(experiment.title) <= 60
    assert experiment.about.endswith(".")
    assert loads(dumps(experiment)) == experiment


def test_a_near_miss_of_a_built_in_name_is_answered_with_the_name() -> None:
    with pytest.raises(InputError, match=r"no built-in experiment 'gentle-lines'; did you mean gentle-line\?$"):
        builtin("gentle-lines")
    with pytest.raises(InputError, match=r"no built-in experiment 'xyz'; `tui-regress list` names them\.$"):
        builtin("xyz")


# What is documented


def readme_block(language: str) -> str:
    text = Path(__file__).parents[1].joinpath("README.md").read_text(encoding="utf-8")
    return text.partition(f"```{language}\n")[2].partition("```")[0]


def test_the_experiment_of_the_readme_is_right() -> None:
    assert loads(readme_block("toml")).name == "my-line"


OPTIMIZERS = {
    Sgd: torch.optim.SGD,
    Adam: torch.optim.Adam,
    AdamW: torch.optim.AdamW,
    NAdam: torch.optim.NAdam,
    RMSprop: torch.optim.RMSprop,
    Adagrad: torch.optim.Adagrad,
}


@pytest.mark.parametrize(
    "table", [Points, LinearData, LogisticData, Table, Linear, Logistic, Training, Device, Predict, *OPTIMIZERS]
)
def test_the_readme_names_every_setting_and_torch_those_of_its_optimizers(table: type[msgspec.Struct]) -> None:
    settings = set(table.__struct_fields__)
    if table in OPTIMIZERS:
        settings -= inspect.signature(OPTIMIZERS[table]).parameters.keys()
    assert settings <= set(re.findall(r"\w+", readme_block("toml")))


@pytest.mark.parametrize("ours", OPTIMIZERS)
def test_the_defaults_of_an_optimizer_are_those_of_torch(ours: type[msgspec.Struct]) -> None:
    theirs = inspect.signature(OPTIMIZERS[ours]).parameters
    assert msgspec.structs.asdict(ours()) == {name: theirs[name].default for name in ours.__struct_fields__}


# Wrong files, and the sentence for each


@pytest.mark.parametrize(
    ("toml", "sentence"),
    [
        ("", "data: is missing; it must be a table of settings, its source one of points, linear, logistic, table."),
        ("x =", "is not valid TOML: Invalid value (at end of document)."),
        ("[data]\n[data]", "is not valid TOML: Cannot declare ('data',) twice (at line 2, column 6)."),
        ("x = " + "[" * 2000, "is nested too deeply to be an experiment."),
        (".".join("a" * 3000) + " = 1", "is nested too deeply to be an experiment."),
        ("x = " + "9" * 5000, "holds a whole number of thousands of digits."),
        ("[data]", "data.source: is missing; it must be one of points, linear, logistic, table."),
        ("[data]\nsource = 'pints'", "data.source = 'pints': must be one of points, linear, logistic, table."),
        ("[data]\nsource = 'points'", "data.x: is missing; it must be a list of numbers or rows."),
        ("[data]\nsource = 'points'\nx = [1, 2]", "data.y: is missing; it must be a list of numbers."),
        ("[data]\nsource = 'points'\nx = [1]\ny = [1]", "data.x = [1.0]: must hold at least two points."),
        (
            "[data]\nsource = 'points'\nx = [1, 2]\ny = [1]",
            "data.y = [1.0]: must hold as many values as x, which has 2.",
        ),
        (
            "[data]\nsource = 'points'\nx = [1, [2, 3]]\ny = [1, 2]",
            "data.x = [1.0, [2.0, 3.0]]: must hold rows of the same length, of one feature at least.",
        ),
        (
            "[data]\nsource = 'points'\nx = [[], []]\ny = [1, 2]",
            "data.x = [[], []]: must hold rows of the same length, of one feature at least.",
        ),
        ("[data]\nsource = 'points'\nx = [1, nan]\ny = [1, 2]", "data.x[1] = nan: must be a finite number."),
        ("[data]\nsource = 'points'\nx = [1, 'a']\ny = []", "data.x[1] = 'a': must be a number or a list of numbers."),
        (TWO_POINTS + "z = 3", "data.z = 3: is not a setting of points; known here: source, x, y, standardize."),
        (GENERATED + "weights = []", "data.weights = []: must hold one weight per feature, at least one."),
        (GENERATED + "rows = 1", "data.rows = 1: must be a whole number of at least 2 and at most 100000000."),
        (GENERATED + "low = 0", "data.low = 0.0: has no meaning for x = \"normal\"; use \"uniform\" or \"range\"."),
        (GENERATED + "high = 0", "data.high = 0.0: has no meaning for x = \"normal\"; use \"uniform\" or \"range\"."),
        (GENERATED + "step = 1", "data.step = 1.0: has a meaning only for x = \"range\"."),
        (GENERATED + "x = 'uniform'\nlow = 2", "data.low = 2.0: must leave low (2) below high (1)."),
        (GENERATED + "x = 'uniform'\nlow = 2\nhigh = 2", "data.high = 2.0: must leave low (2) below high (2)."),
        (GENERATED + "x = 'range'\nstep = 2", "data.step = 2.0: must fit at least once between 0 and 1."),
        (
            GENERATED + "x = 'range'\nstep = 0.1\nrows = 9",
            "data.rows = 9: follows from step in a range; give one of the two.",
        ),
        (
            GENERATED + "x = 'range'\nweights = [1, 2]",
            "data.x = 'range': spaces one feature evenly; use normal or uniform for several.",
        ),
        (GENERATED + "noise_scale = -1", "data.noise_scale = -1: must be a number of at least 0."),
        ("[data]\nsource = 'table'\npath = 'a.csv'", "data.target: is missing; it must be text in quotes."),
        (
            "[data]\nsource = 'table'\npath = 'a.csv'\ntarget = 'y'\nfeatures = 'x'",
            "data.features = 'x': must be a list of texts.",
        ),
        (TWO_POINTS + "[model]\nkind = 'cubic'", "model.kind = 'cubic': must be one of linear, logistic."),
        (TWO_POINTS + "[model]\nkind = 'linear'\nbias = 1", "model.bias = 1: must be true or false."),
        (TWO_POINTS + "[model]\nkind='linear'\nloss='bce'", "model.loss = 'bce': must be one of half-mse, mse, sse."),
        (
            TWO_POINTS + "[model]\nkind = 'linear'\ninit = 'ones'",
            "model.init = 'ones': must be one of normal, torch, zeros or a list of numbers.",
        ),
        (TWO_POINTS + "[optimizer]\nname = 'sgd'\nlr = 0", "optimizer.lr = 0: must be a number above 0."),
        (TWO_POINTS + "[optimizer]\nname = 'sgd'\nlr = inf", "optimizer.lr = inf: must be a finite number."),
        (TWO_POINTS + "[optimizer]\nname = 'sgd'\nlr = '0.1'", "optimizer.lr = '0.1': must be a number above 0."),
        (
            TWO_POINTS + "[optimizer]\nname = 'sgd'\nmomentun = 0.9",
            "optimizer.momentun = 0.9: is not a setting of sgd; did you mean momentum?",
        ),
        (
            TWO_POINTS + "[optimizer]\nname = 'sgd'\nnesterov = true",
            "optimizer.nesterov = true: needs a momentum above 0 and a dampening of 0.",
        ),
        (
            TWO_POINTS + "[optimizer]\nname = 'adam'\nbetas = [0.9, 1.0]",
            "optimizer.betas[1] = 1.0: must be a number of at least 0 and below 1.",
        ),
        (
            TWO_POINTS + "[training]\nepochs = 0",
            "training.epochs = 0: must be a whole number of at least 1 and at most 1000000000.",
        ),
        (TWO_POINTS + "[training]\nshuffle = 'no'", "training.shuffle = 'no': must be true or false."),
        (TWO_POINTS + "[training]\nbatch_size = -1", "training.batch_size = -1: must be a whole number of at least 0."),
        (
            TWO_POINTS + "[training]\ngradient = 'numpy'\n[optimizer]\nname = 'adam'",
            "training.gradient = 'numpy': knows only the sgd optimizer; use auto or analytic.",
        ),
        (
            TWO_POINTS + "[training]\ngradient = 'numpy'\n[device]\nname = 'cuda:0'",
            "training.gradient = 'numpy': computes on the cpu only; use auto or analytic.",
        ),
        (TWO_POINTS + "[device]\nname = 'tpu'", "device.name = 'tpu': must be one of auto, cpu, cuda, cuda:0, …, mps."),
        (TWO_POINTS + "[device]\ndtype = 'float16'", "device.dtype = 'float16': must be one of float32, float64."),
        (
            TWO_POINTS + "[device]\nname = 'mps'\ndtype = 'float64'",
            "device.dtype = 'float64': must be float32 on mps, which knows no float64.",
        ),
        (TWO_POINTS + "[predict]\nat = [6]", "predict.at[0] = 6: must be a list of numbers."),
        (TWO_POINTS + "[trainig]\nepochs = 5", "trainig = {epochs = 5}: is not a setting; did you mean training?"),
        (TWO_POINTS + "'' = 5", "data.\"\" = 5: is not a setting of points; known here: source, x, y, standardize."),
        ("name = 5\n" + TWO_POINTS, "name = 5: must be text in quotes."),
        (
            TWO_POINTS + '"\\u001b[31m" = 1',
            "data.�[31m = 1: is not a setting of points; known here: source, x, y, standardize.",
        ),
    ],
)  # fmt: skip
def test_a_wrong_file_gets_one_sentence_with_key_value_and_advice(toml: str, sentence: str) -> None:
    with pytest.raises(ExperimentError) as caught:
        loads(toml, "my.toml")
    assert str(caught.value) == f"my.toml: {sentence}"


atoms = st.none() | st.booleans() | st.integers() | st.floats() | texts | st.just(dt.date(2024, 1, 1))
words = st.text(string.ascii_letters + string.punctuation + " \n\x1b[]`é", max_size=8)
values = st.recursive(
    atoms | st.sampled_from(["linear", "points", "table", "range", "adam", "logistic", "numpy", "mps", [1.0], [[1.0]]]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(words, inner, max_size=3),
    max_leaves=5,
)


@st.composite
def mutated(draw: st.DrawFn) -> dict[str, Any]:
    raw = encode(builtin(draw(st.sampled_from(experiments.NAMES))))
    for _ in range(draw(st.integers(1, 3))):
        table = draw(st.sampled_from([raw, *(inner for inner in raw.values() if isinstance(inner, dict))]))
        key = draw(st.sampled_from([*table, "x", "low", "rows", "features"]) | words)
        table[key] = draw(values)
        if draw(st.booleans()):
            table.pop(key)
    return raw


def attempt(work: Callable[[], Experiment]) -> Experiment | ExperimentError:
    """What a person gets to see: nothing else may come out."""
    try:
        return work()
    except ExperimentError as error:
        return error


def is_safe(line: str) -> bool:
    return printable(line, len(line)) == line


@given(mutated())
def test_whatever_is_wrong_in_an_experiment_is_told_in_one_line_with_its_key(raw: dict[str, Any]) -> None:
    result = attempt(lambda: decode(raw, "my.toml"))
    if isinstance(result, ExperimentError):
        assert result.key
        assert is_safe(str(result))
        assert str(result).startswith("my.toml: ")
    else:
        assert loads(dumps(result)) == result


@given(st.sampled_from(experiments.NAMES), st.integers(0, 500), texts)
def test_a_damaged_file_is_an_experiment_or_an_experiment_error(name: str, at: int, damage: str) -> None:
    text = dumps(builtin(name))
    result = attempt(lambda: loads(text[:at] + damage + text[at + 1 :]))
    assert isinstance(result, Experiment) or is_safe(str(result))


# Files


def test_a_file_without_a_name_takes_its_own(tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    path.write_text(TWO_POINTS, encoding="utf-8")
    assert load(path).name == "mine"


def test_a_byte_order_mark_and_windows_line_ends_do_no_harm(tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    path.write_bytes(b"\xef\xbb\xbf" + TWO_POINTS.replace("\n", "\r\n").encode())
    assert load(path) == override(loads(TWO_POINTS), {"name": "mine"})


def test_the_path_of_a_table_is_taken_from_the_folder_of_the_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / "e.toml").write_text("[data]\nsource='table'\npath='rows.csv'\ntarget='y'", encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    data = load(Path("sub/e.toml")).data
    assert isinstance(data, Table)
    assert data.path == str(tmp_path.resolve() / "sub" / "rows.csv")


@pytest.mark.parametrize(
    ("make", "sentence"),
    [
        (lambda _path: None, "No such file or directory."),
        (lambda path: path.mkdir(), "Is a directory."),
        (lambda path: path.write_bytes(b"\xff\xfe\x00"), "is not a text file in UTF-8."),
    ],
)
def test_a_file_that_cannot_be_read_gets_one_sentence(
    make: Callable[[Path], object], sentence: str, tmp_path: Path
) -> None:
    path = tmp_path / "e.toml"
    make(path)
    with pytest.raises(InputError) as caught:
        load(path)
    assert str(caught.value) == f"{path}: {sentence}"


# Changes


def test_a_change_replaces_one_setting_and_nothing_else() -> None:
    before = builtin("gentle-line")
    after = override(before, {"optimizer.lr": 0.5})
    assert after == msgspec.structs.replace(before, optimizer=Sgd(lr=0.5))


def test_a_change_of_none_takes_a_setting_back_to_its_default() -> None:
    after = override(builtin("gentle-line"), {"training.epochs": None, "optimizer.lr": None, "title": None})
    assert (after.training.epochs, after.optimizer.lr, after.title) == (1000, 1e-3, "")


def test_another_optimizer_keeps_what_it_shares() -> None:
    sgd = override(builtin("gentle-line"), {"optimizer.momentum": 0.9, "optimizer.weight_decay": 0.5})
    assert override(sgd, {"optimizer.name": "adam"}).optimizer == Adam(lr=0.01, weight_decay=0.5)


def test_another_model_keeps_what_it_shares_and_takes_its_own_loss() -> None:
    experiment = override(builtin("gentle-line"), {"model.bias": False, "model.loss": "sse"})
    assert override(experiment, {"model.kind": "logistic"}).model == Logistic(bias=False)


def test_another_source_keeps_what_means_the_same() -> None:
    generated_data = builtin("d2l-concise")
    assert isinstance(generated_data.data, LinearData)
    logistic = override(generated_data, {"data.source": "logistic"}).data
    assert isinstance(logistic, LogisticData)
    assert msgspec.structs.asdict(logistic) == msgspec.structs.asdict(generated_data.data)
    assert override(builtin("gentle-line"), {"data.source": "linear"}).data == LinearData()


def test_the_order_of_changes_does_not_matter() -> None:
    changes = {"optimizer.betas": [0.5, 0.6], "optimizer.name": "adam", "optimizer.lr": 1}
    backwards = dict(reversed(changes.items()))
    expected = Adam(lr=1.0, betas=(0.5, 0.6))
    assert override(builtin("gentle-line"), changes).optimizer == expected
    assert override(builtin("gentle-line"), backwards).optimizer == expected


def test_a_whole_table_can_be_replaced_and_then_changed() -> None:
    changes = {"predict.at": [[7]], "predict": {}, "data": {"source": "points", "x": [1, 2], "y": [0, 1]}}
    after = override(builtin("d2l-concise"), changes)
    assert after.predict == Predict(((7.0,),))
    assert after.data == Points((1.0, 2.0), (0.0, 1.0))


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"optimizer.lr": -1}, "optimizer.lr = -1: must be a number above 0."),
        (
            {"device.lr": 1},
            "device.lr = 1: is not a setting; known here: name, dtype.",
        ),
        (
            {"lr": 1},
            "lr: is not a setting; its table must be one of data, model, optimizer, training, device, predict.",
        ),
        (
            {"data": 5, "data.x": [1]},
            "data = 5: must be a table of settings, its source one of points, linear, logistic, table.",
        ),
        ({"model.kind": "cubic"}, "model.kind = 'cubic': must be one of linear, logistic."),
        ({"data.y": None}, "data.y: is missing; it must be a list of numbers."),
    ],
)  # fmt: skip
def test_a_wrong_change_gets_one_sentence(changes: dict[str, Any], sentence: str) -> None:
    with pytest.raises(ExperimentError) as caught:
        override(builtin("gentle-line"), changes)
    assert str(caught.value) == sentence


keys = st.sampled_from(["data", "model", "optimizer", "training", "predict", "name"]) | st.builds(
    "{}.{}".format,
    st.sampled_from(["data", "model", "optimizer", "training", "device", "predict"]) | words,
    st.sampled_from(["source", "kind", "name", "x", "lr", "loss", "at", "seed"]) | words,
)


@given(st.sampled_from(experiments.NAMES), st.dictionaries(keys, values, min_size=1, max_size=3))
def test_any_change_gives_an_experiment_or_an_experiment_error(name: str, changes: dict[str, Any]) -> None:
    result = attempt(lambda: override(builtin(name), changes))
    assert isinstance(result, Experiment) or (result.key and is_safe(str(result)))


def test_other_columns_void_what_a_saved_model_says_of_the_columns() -> None:
    pinned = decode(
        {
            "data": {
                "source": "table",
                "path": "flats.csv",
                "target": "sold",
                "features": ["area", "region"],
                "columns": [{"name": "area", "fill": [80.0]}, {"name": "region", "values": ["east", "north"]}],
                "classes": ["no", "yes"],
            },
            "model": {"kind": "logistic"},
        }
    )
    assert isinstance(pinned.data, Table)
    fewer = override(pinned, {"data.features": ["area"]}).data
    assert isinstance(fewer, Table)
    assert (fewer.columns, fewer.classes) == ((), ("no", "yes"))
    other = override(pinned, {"data.target": "region", "data.features": ["area"]}).data
    assert isinstance(other, Table)
    assert (other.columns, other.classes) == ((), None)
    elsewhere = override(pinned, {"data.path": "more.csv"}).data
    assert isinstance(elsewhere, Table)
    assert elsewhere.columns == pinned.data.columns
