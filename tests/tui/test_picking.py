from dataclasses import replace
from pathlib import Path

import pytest

from tests.tui.made_up_columns import HOUSES, NAMES, ROWS, number, text
from tui_regress.experiment import Adam, Experiment, Linear, Logistic, Predict, Sgd, Table, Training
from tui_regress.problems import InputError
from tui_regress.tui.picking import Picking, carried_over, counts_rows, experiment_of, first_guess


def at(name: str) -> int:
    return NAMES.index(name)


def names(picking: Picking) -> set[str]:
    return {picking.columns[index].name for index in picking.features}


USUAL = {"longitude", "age", "bedrooms", "population_of_the_whole_block_group", "median_income", "near_water", "tiny"}


def test_the_first_guess_predicts_the_last_number_from_all_other_numbers_and_pairs() -> None:
    guess = first_guess(HOUSES)
    assert guess.target == at("价格（万元）")
    assert names(guess) == USUAL
    assert guess.missing == "drop"


def test_the_first_guess_passes_over_a_last_column_that_cannot_be_predicted() -> None:
    assert first_guess(HOUSES[:11]).target == at("near_water")
    assert first_guess(HOUSES[8:11]).target is None


def test_a_choice_made_before_is_the_first_guess() -> None:
    guess = first_guess(HOUSES, "age", ("tiny", "shore", "gone"), missing="mean")
    assert (guess.target, names(guess), guess.missing) == (at("age"), {"tiny", "shore"}, "mean")
    guess = first_guess(HOUSES, "age", None, ("tiny", "gone"))
    assert names(guess) == USUAL - {"age", "tiny"} | {"价格（万元）"}


@pytest.mark.parametrize(
    ("column", "counts"),
    [
        (number("column_1", 0, ROWS - 1, distinct=ROWS), True),
        (number("ID", 1, ROWS, distinct=ROWS), True),
        (number("Unnamed: 0", 0, ROWS - 1, distinct=ROWS), True),
        (number("x", 1, ROWS, distinct=ROWS), False),
        (number("id", 1, 9, distinct=9), False),
        (number("index", 0, ROWS, distinct=ROWS), False),
    ],
)
def test_a_column_counts_the_rows_by_its_name_and_by_its_values(column: object, counts: bool) -> None:
    assert counts_rows(column) is counts  # type: ignore[arg-type]  # pytest's parameters have no type


def test_row_numbers_are_a_feature_where_there_is_no_other() -> None:
    columns = (number("column_1", 1, ROWS, distinct=ROWS), number("column_2", 2, 9))
    assert names(first_guess(columns)) == {"column_1"}
    assert names(first_guess((*columns, number("column_3", 2, 9)))) == {"column_2"}


def test_columns_that_are_dropped_are_no_other_features() -> None:
    columns = (number("id", 1, ROWS, distinct=ROWS), number("x", 2, 9), number("y", 2, 9))
    assert names(first_guess(columns, "y", None, ("x",))) == {"id"}


def test_another_target_makes_a_feature_of_the_one_before() -> None:
    picking = first_guess(HOUSES).with_target(at("age"))
    assert picking.role(at("age")) == "target"
    assert picking.role(at("价格（万元）")) == "feature"
    assert picking.with_target(at("age")) == picking


@pytest.mark.parametrize(
    ("column", "why"),
    [
        (
            "shore",
            "shore cannot be the target: it holds text of 5 values, and a target is a number or one of two values.",
        ),
        ("sold", "sold cannot be the target: it holds dates or times, and a target is a number or one of two values."),
        ("remarks", "remarks cannot be the target: it holds no value, and a target is a number or one of two values."),
    ],
)
def test_what_cannot_be_the_target_says_why(column: str, why: str) -> None:
    with pytest.raises(InputError) as caught:
        first_guess(HOUSES).with_target(at(column))
    assert str(caught.value) == why


@pytest.mark.parametrize(
    ("column", "why"),
    [
        ("sold", "it holds dates or times"),
        ("remarks", "it holds no value"),
        (NAMES[8], "it holds text of 19,800 values, and one-hot columns are for 3 to 100"),
        (NAMES[-1], "is the target"),
    ],
)
def test_what_cannot_be_a_feature_says_why(column: str, why: str) -> None:
    with pytest.raises(InputError) as caught:
        first_guess(HOUSES).toggled(at(column))
    assert why in str(caught.value)


def test_a_column_of_text_is_taken_as_one_hot_and_left_out_again() -> None:
    guess = first_guess(HOUSES)
    taken = guess.toggled(at("shore"))
    assert (taken.role(at("shore")), guess.role(at("shore"))) == ("one-hot", "left out")
    assert taken.width == guess.width + 4
    assert taken.toggled(at("shore")) == guess


def test_all_takes_what_needs_no_asking_for_and_none_leaves_everything() -> None:
    everything = range(len(HOUSES))
    none = first_guess(HOUSES).toggled(at("shore")).all_or_none(everything)
    assert none.features == frozenset()
    assert names(none.all_or_none(everything)) == USUAL


def test_all_and_none_concern_only_the_columns_shown() -> None:
    few = first_guess(HOUSES).all_or_none([at("age"), at("tiny")])
    assert names(few) == USUAL - {"age", "tiny"}
    assert names(few.all_or_none([at("age"), at("shore")])) == USUAL - {"tiny"}


def test_the_summary_counts_what_is_known_and_no_more() -> None:
    guess = first_guess(HOUSES)
    assert guess.summary() == [
        "7 features of 13 columns",
        "target 价格（万元） (number → linear regression)",
        "20,640 rows, 12,345 with a missing value left out",
    ]
    one = Picking(HOUSES, at("near_water"), frozenset({at("age")}))
    assert one.summary() == [
        "1 feature of 13 columns",
        "target near_water (two values → logistic regression)",
        "20,640 rows, 3 with a missing value left out",
    ]
    assert replace(one, target=at("age"), features=frozenset({at("shore")})).summary()[::2] == [
        "1 of 13 columns as 4 features",
        "20,640 rows, no value missing",
    ]
    assert replace(one, target=None).summary()[1].startswith("no target yet")


def test_the_summary_says_what_the_mean_fills_and_that_a_row_without_a_target_is_left_out() -> None:
    filled = first_guess(HOUSES).with_other_missing()
    assert filled.summary()[2] == "20,640 rows, 12,555 missing values filled with the mean"
    assert filled.with_target(at("near_water")).summary()[2] == (
        "20,640 rows, 12,546 missing values filled with the mean, 3 rows without a target left out"
    )
    assert filled.with_other_missing() == first_guess(HOUSES)


def test_a_row_that_misses_several_values_is_counted_once() -> None:
    columns = tuple(
        replace(number(name, 0, 9), gaps=gaps) for name, gaps in (("a", 0b0011), ("b", 0b0110), ("y", 0b1100))
    )
    picking = first_guess(columns)
    assert picking.summary()[2] == "20,640 rows, 4 with a missing value left out"
    assert picking.toggled(0).summary()[2] == "20,640 rows, 3 with a missing value left out"
    filled = "20,640 rows, 3 missing values filled with the mean, 2 rows without a target left out"
    assert picking.with_other_missing().summary()[2] == filled


def test_a_column_that_a_few_cells_keep_from_being_numbers_says_which() -> None:
    flawed = replace(text("area", 60, ("1", "2")), flaw="'n.a.' in row 7 and a number in 59 others")
    guess = first_guess((flawed, number("x", 0, 9), number("y", 0, 9)))
    assert guess.role(0) == "left out"
    for change, what in ((guess.toggled, "a feature"), (guess.with_target, "the target")):
        with pytest.raises(InputError) as caught:
            change(0)
        assert str(caught.value) == f"area cannot be {what}: it is 'n.a.' in row 7 and a number in 59 others."


def test_numbers_of_only_two_values_are_classes_too() -> None:
    columns = (number("x", 0, 1), number("passed", 0, 1, distinct=2), text("grade", 2, ("a", "b")))
    assert first_guess(columns, "passed").logistic
    assert first_guess(columns, "grade").logistic
    assert not first_guess(columns, "x").logistic


def test_the_experiment_trains_on_the_columns_picked_in_the_order_of_the_file(tmp_path: Path) -> None:
    table = tmp_path / "rent.csv"
    table.write_text("size,floor,town,rent\n" + "".join(f"{k},{k % 3},{'abc'[k % 3]},{2 * k + 1}\n" for k in range(9)))
    columns = (number("size", 0, 8), number("floor", 0, 2), text("town", 3, ("a", "b", "c")), number("rent", 1, 17))
    picking = first_guess(columns).toggled(2).with_other_missing()
    experiment = experiment_of(str(table), picking)
    assert isinstance(experiment.data, Table)
    assert experiment.data.target == "rent"
    assert experiment.data.features == ("size", "floor", "town")
    assert experiment.data.missing == "mean"
    assert isinstance(experiment.model, Linear)


@pytest.mark.parametrize(
    ("picking", "question"),
    [
        (Picking(HOUSES, None, frozenset({1})), "Which column is to be predicted? Press t on it."),
        (Picking(HOUSES, 1, frozenset()), "Which columns are to predict it? Space takes one, a takes all."),
    ],
)
def test_a_choice_that_is_not_one_yet_is_asked_for(picking: Picking, question: str) -> None:
    with pytest.raises(InputError) as caught:
        experiment_of("houses.csv", picking)
    assert str(caught.value) == question


FRESH = Experiment(Table("/houses.csv", "age", ("tiny", "shore"), standardize=True), optimizer=Sgd(lr=0.02), name="new")
PRESENT = Experiment(
    Table("/houses.csv", "age", ("tiny",), standardize=True),
    Linear(init=(1.0, 0.0), loss="half-mse"),
    Sgd(lr=0.5, momentum=0.9),
    Training(epochs=7, validation=0.3),
    predict=Predict(((1.0,),)),
    name="old",
)


def test_other_features_keep_the_training_but_not_what_was_made_for_the_old_ones() -> None:
    experiment = carried_over(PRESENT, FRESH, same_features=False)
    assert experiment.model == Linear(loss="half-mse")
    assert experiment.optimizer == Sgd(lr=0.02, momentum=0.9)
    assert experiment.training == PRESENT.training
    assert experiment.predict == Predict()
    assert (experiment.name, experiment.data) == ("new", FRESH.data)


def test_the_same_features_keep_everything_that_says_how_to_train() -> None:
    experiment = carried_over(PRESENT, FRESH, same_features=True)
    assert (experiment.model, experiment.optimizer, experiment.predict) == (
        PRESENT.model,
        PRESENT.optimizer,
        PRESENT.predict,
    )


def test_a_target_of_another_kind_brings_another_model() -> None:
    experiment = carried_over(PRESENT, replace_model(FRESH, Logistic()), same_features=True)
    assert experiment.model == Logistic()
    assert experiment.training == PRESENT.training


def test_raw_columns_stay_raw_and_keep_their_learning_rate() -> None:
    raw = Experiment(Table("/houses.csv", "age"), optimizer=Sgd(lr=1e-6))
    experiment = carried_over(raw, FRESH, same_features=False)
    assert not experiment.data.standardize
    assert experiment.optimizer.lr == 1e-6
    bounded = Experiment(Table("/houses.csv", "age", standardize=True), optimizer=Adam(lr=0.1))
    assert carried_over(bounded, FRESH, same_features=False).optimizer == Adam(lr=0.1)


def replace_model(experiment: Experiment, model: Linear | Logistic) -> Experiment:
    return Experiment(experiment.data, model, experiment.optimizer, name=experiment.name)
