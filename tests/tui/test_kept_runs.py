from datetime import UTC, datetime, timedelta, timezone

import pytest

from tests.tui.kept import summary
from tui_regress.experiment import Column, Experiment, Table, builtin, override
from tui_regress.tui.kept_runs import asked_for, differing, duration, epochs, how_many, metric, optimizer, reason, when

NOON = datetime(2025, 11, 20, 12, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("began", "said"),
    [
        (NOON - timedelta(hours=11, minutes=57), "today 00:03"),
        (NOON - timedelta(hours=13), "19 Nov 23:00"),
        (NOON - timedelta(days=300), "24 Jan 12:00"),
        (NOON - timedelta(days=400), "16 Oct 2024"),
    ],
)
def test_a_moment_is_said_as_people_say_it(began: datetime, said: str) -> None:
    assert when(began, NOON, UTC) == said


def test_the_day_is_that_of_the_clock_on_the_wall() -> None:
    tokyo = timezone(timedelta(hours=9))

    assert when(NOON + timedelta(hours=2), NOON + timedelta(hours=4), tokyo) == "20 Nov 23:00"


@pytest.mark.parametrize(
    ("seconds", "said"),
    [
        (0.0, "0.00 s"),
        (0.424, "0.42 s"),
        (9.949, "9.95 s"),
        (9.951, "10 s"),
        (59.4, "59 s"),
        (59.6, "1 m 00"),
        (190, "3 m 10"),
        (3599.7, "1 h 00"),
        (7300, "2 h 01"),
        (3 * 86400, "3 days"),
    ],
)
def test_a_duration_has_few_digits_and_never_sixty_of_anything(seconds: float, said: str) -> None:
    assert duration(seconds) == said


def test_epochs_say_how_far_a_run_came() -> None:
    assert epochs(summary(1)) == "1000"
    assert epochs(summary(1, epoch=413)) == "413/1000"
    assert epochs(summary(1, epoch=14_200, epochs=100_000)) == "14.2 k/100 k"


def test_the_metric_is_that_of_the_rows_held_out_where_there_are_some() -> None:
    training, validation = {"rows": 8, "r2": 0.99812}, {"rows": 2, "r2": -3.25}

    assert metric(summary(1, metrics={"training": training, "validation": None})) == "R² 0.9981"
    assert metric(summary(1, metrics={"training": training, "validation": validation})) == "R² −3.250"
    assert metric(summary(1, metrics={"training": {"accuracy": 0.9712}, "validation": None})) == "acc 97.1%"
    assert metric(summary(1, metrics={"training": {"r2": "nan"}, "validation": None})) == "R² nan"
    assert metric(summary(1)) == "·"


def test_the_optimizer_is_said_with_its_learning_rate() -> None:
    assert optimizer(builtin("adam-line")) == "adam 0.1"
    assert optimizer(override(builtin("gentle-line"), {"optimizer.lr": 1e-5})) == "sgd 1e-5"


def test_the_reason_of_a_run_that_goes_on_says_where() -> None:
    assert reason(summary(1)) == "All 1,000 epochs are done."
    assert reason(summary(1, status="running", reason="")) == "It is training now."
    elsewhere = reason(summary(1, status="running", reason="", environment={"host": "far\x1b[31m"}))
    assert elsewhere.startswith("It trains on far�[31m, unless")


def test_a_reason_from_a_file_cannot_act_on_the_terminal() -> None:
    assert reason(summary(1, status="failed", reason="out of \x1b[31mmemory\n")) == "out of �[31mmemory�"


def test_only_settings_that_differ_are_named() -> None:
    first = builtin("gentle-line")
    second = override(first, {"optimizer.lr": 0.1, "optimizer.momentum": 0.9, "training.shuffle": False})

    assert differing([first, second]) == [
        ("lr", ("0.01", "0.1")),
        ("momentum", ("0", "0.9")),
        ("shuffle", ("true", "false")),
    ]
    assert differing([first, first]) == []
    assert differing([first]) == []


def test_what_does_not_change_training_is_no_difference() -> None:
    first = builtin("gentle-line")

    assert differing([first, override(first, {"title": "other", "about": "words", "predict.at": [[1.0]]})]) == []


def test_runs_of_other_names_are_told_apart() -> None:
    first = builtin("gentle-line")

    assert differing([first, override(first, {"name": "a\x1b[31mb"})]) == [("experiment", ("gentle-line", "a�[31mb"))]


def test_names_that_two_tables_share_say_which_is_meant() -> None:
    first = builtin("d2l-concise")
    changes = {"data.seed": 1, "training.seed": 2, "data.bias": 1.0, "model.bias": False}

    names = [name for name, _ in differing([first, override(first, changes)])]
    assert names == ["data.bias", "data.seed", "model.bias", "training.seed"]


def test_another_kind_of_data_or_optimizer_is_one_difference_and_not_one_for_each_of_its_settings() -> None:
    rows = differing([builtin("gentle-line"), builtin("adam-line")])
    assert rows == [
        ("experiment", ("gentle-line", "adam-line")),
        ("optimizer", ("sgd", "adam")),
        ("lr", ("0.01", "0.1")),
        ("epochs", ("1000", "5000")),
    ]

    names = [name for name, _ in differing([builtin("gentle-line"), builtin("d2l-concise")])]
    assert "data" in names
    assert not {"weights", "noise_scale", "y"} & set(names)


def test_a_setting_that_only_one_of_the_same_kind_has_shows_where_it_is_left_out() -> None:
    first = builtin("slope-by-hand")

    assert ("rows", ("·", "50")) in differing([first, override(first, {"data.step": None, "data.rows": 50})])


def test_two_of_a_kind_are_told_apart_also_beside_one_of_another() -> None:
    plain = builtin("gentle-line")
    other = override(plain, {"optimizer.name": "adam"})

    rows = dict(differing([other, override(plain, {"optimizer.momentum": 0.9}), plain]))
    assert rows["momentum"] == ("·", "0.9", "0")
    assert "betas" not in rows


def on_houses(*features: str, drop: tuple[str, ...] = (), pinned: bool = False) -> Experiment:
    columns = tuple(Column(name, fill=(float(len(name)),)) for name in features) if pinned else ()
    table = Table(
        "houses.csv", "price", features or None, drop, columns=columns, classes=("no", "yes") if pinned else None
    )
    return Experiment(table)


def test_what_was_found_in_the_table_is_no_setting_that_differs() -> None:
    names = ("area", "rooms")

    assert differing([on_houses(*names), on_houses(*names, pinned=True)]) == []
    assert differing([on_houses(*names, pinned=True), on_houses("area", "age", pinned=True)]) == [
        ("features", ("2 columns", "+age\n−rooms"))
    ]


def test_lists_of_columns_are_told_by_what_differs_from_the_first() -> None:
    many = tuple(f"column_{place}" for place in range(40))

    def features(*lists: tuple[str, ...]) -> tuple[str, ...]:
        return dict(differing([on_houses(*names) for names in lists]))["features"]

    assert features(many, (*many, "id"), many[1:], many) == ("40 columns", "+id", "−column_0", "40 columns")
    assert features(many, (*many[20:], "id")) == ("40 columns", "+1\n−20")
    assert features(("a",), ("a", "b"), ("b", "a")) == ("1 column", "+b", "+b")
    assert features(("a", "b"), ("b", "a")) == ("2 columns", "another order")
    assert features((), ("a",), ("x\x1b[31m\n",)) == ("·", "1 column", "+x�[31m�\n−a")


def test_columns_left_out_are_told_by_name() -> None:
    rows = differing([on_houses(), on_houses(drop=("id",)), on_houses(drop=("id", "city"))])

    assert rows == [("drop", ("none", "+id", "+id\n+city"))]


def test_beside_a_run_that_is_not_on_a_table_its_columns_are_no_difference() -> None:
    names = [name for name, _ in differing([builtin("gentle-line"), on_houses("area")])]

    assert "data" in names
    assert "features" not in names


@pytest.mark.parametrize(
    ("text", "asked"),
    [
        ("", ("", "")),
        ("gentle", ("gentle", "")),
        ("FAILED", ("", "failed")),
        ("my  house interrupted", ("my house", "interrupted")),
        ("diverging", ("diverging", "")),
    ],
)
def test_a_word_that_is_a_status_asks_for_that(text: str, asked: tuple[str, str]) -> None:
    assert asked_for(text) == asked


def test_what_the_list_holds_is_counted_and_no_more_is_claimed() -> None:
    assert how_many(0, 0, all_of_them=True) == ""
    assert how_many(1, 0, all_of_them=True) == "1 run"
    assert how_many(12, 2, all_of_them=True) == "12 runs · 2 marked"
    assert how_many(1_200, 0, all_of_them=False) == "the 1,200 newest"
