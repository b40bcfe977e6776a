import csv
import gzip
import string
from pathlib import Path
from typing import Any, Literal

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.data.conftest import LoadTable, load_file
from tui_regress.data.cells import read_cells
from tui_regress.data.reading import lay_out, read
from tui_regress.data.tables import column_names
from tui_regress.problems import ExperimentError, InputError
from tui_regress.text import printable

FINITE = st.floats(allow_nan=False, allow_infinity=False)


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("comma.csv", "x,y\n1,2\n3,4\n"),
        ("semicolon.csv", "x;y\n1;2\n3;4\n"),
        ("tab.csv", "x\ty\n1\t2\n3\t4\n"),
        ("tab.tsv", "x\ty\n1\t2\n3\t4\n"),
        ("UPPER.TSV", "x\ty\n1\t2\n3\t4\n"),
        ("some.txt", "x;y\n1;2\n3;4\n"),
        ("no-last-newline.csv", "x,y\n1,2\n3,4"),
        ("crlf.csv", "x,y\r\n1,2\r\n3,4\r\n"),
        ("classic-mac.csv", "x,y\r1,2\r3,4\r"),
        ("bom.csv", "\ufeffx,y\n1,2\n3,4\n"),
        ("bom-and-quotes.csv", '\ufeff"x","y"\r\n"1","2"\r\n"3","4"\r\n'),
        ("spaces.csv", " x , y\n 1, 2\n3 ,4 \n"),
        ("blank-lines.csv", "\n \n\nx,y\n1,2\n\n3,4\n\n\n"),
        ("blank-lines-crlf.csv", "\ufeff\r\n\r\nx,y\r\n1,2\r\n\r\n3,4\r\n\r\n"),
        ("separators-in-quotes.csv", '"x","y","a,;,\n,","b;;;;;;"\n1,2,q,q\n3,4,q,q\n'),
        ("[glob]*?.csv", "x,y\n1,2\n3,4\n"),
        ("packed.csv.gz", gzip.compress(b"x,y\n1,2\n3,4\n")),
        ("packed.tsv.gz", gzip.compress(b"x\ty\n1\t2\n3\t4\n")),
        ("bars.txt", "x|y\n1|2\n3|4\n"),
        ("excel-unicode.txt", "x\ty\r\n1\t2\r\n3\t4\r\n".encode("utf-16")),
    ],
)
def test_text_files_of_every_layout_give_the_same_table(load_table: LoadTable, name: str, content: str | bytes) -> None:
    dataset = load_table(content, name=name)
    assert (dataset.feature_names, dataset.target_name) == (("x",), "y")
    assert dataset.X.tolist() == [[1.0], [3.0]]
    assert dataset.y.tolist() == [2.0, 4.0]
    assert dataset.dropped_rows == 0


def test_comma_in_a_tsv_belongs_to_the_name(load_table: LoadTable) -> None:
    assert load_table("a,b,c\ty\n1\t2\n3\t4\n", name="t.tsv").feature_names == ("a,b,c",)


def test_quoted_fields_hold_line_breaks_and_quotes(load_table: LoadTable) -> None:
    dataset = load_table('x,"the ""y""\r\nvalue",note\n1,2,"a\nb, ""c"""\n3,4,"d\n\ne"\n', target='the "y"\r\nvalue')
    assert dataset.target_name == 'the "y"��value'
    assert dataset.y.tolist() == [2.0, 4.0]


@pytest.mark.parametrize("content", ["1,2\n3,4\n5,6\n", "\n\n1,2\n3,4\n\n5,6\n", "\ufeff1,2\r\n3,4\r\n5,6\r\n"])
def test_first_row_of_numbers_is_data(load_table: LoadTable, content: str) -> None:
    dataset = load_table(content, target="column_2")
    assert dataset.feature_names == ("column_1",)
    assert dataset.X.tolist() == [[1.0], [3.0], [5.0]]
    assert dataset.notes == (
        "The first row holds values, not names: it is taken as data, and the columns are numbered.",
    )


def test_missing_values_in_a_first_row_of_numbers_make_no_header(load_table: LoadTable) -> None:
    dataset = load_table("1,,2\n3,4,5\n?,6,7\n8,9,10\n", target="column_3")
    assert dataset.X.tolist() == [[3.0, 4.0], [8.0, 9.0]]
    assert dataset.dropped_rows == 2


def test_one_word_in_the_first_row_makes_a_header(load_table: LoadTable) -> None:
    dataset = load_table("2019,2020,y\n1,2,3\n4,5,6\n")
    assert dataset.feature_names == ("2019", "2020")


def test_column_names_are_safe_unique_and_never_empty(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_text('[red], b ,"\x1b[31m!",,a,a,a_2,\n1,2,3,4,5,6,7,8\n')
    names = ("[red]", "b", "�[31m!", "column_4", "a", "a_3", "a_2", "column_8")
    assert column_names(path) == names


@pytest.mark.parametrize("target", ["\x1b[31my", "�[31my"])
def test_columns_are_found_by_the_name_in_the_file_and_by_the_one_shown(load_table: LoadTable, target: str) -> None:
    dataset = load_table("[red],\x1b[31my\n1,2\n3,4\n", target=target, features=("[red]",))
    assert (dataset.feature_names, dataset.target_name) == (("[red]",), "�[31my")


def test_ten_thousand_columns_are_as_good_as_two(load_table: LoadTable) -> None:
    rows = [[f"c{column}" for column in range(10_000)], *([str(row + 1)] * 10_000 for row in range(3))]
    dataset = load_table("\n".join(map(",".join, rows)), target="c9999")
    assert dataset.X.shape == (3, 9999)


@settings(max_examples=60, deadline=None)
@given(
    names=st.lists(st.text(st.characters(exclude_categories=["Cs"]), max_size=12), min_size=1, max_size=4),
    rows=st.lists(st.lists(FINITE, min_size=5, max_size=5), min_size=2, max_size=5),
    dialect=st.sampled_from(
        [
            {"delimiter": ",", "quoting": csv.QUOTE_ALL},
            {"delimiter": ";", "quoting": csv.QUOTE_ALL, "lineterminator": "\n"},
            {"delimiter": "\t", "quoting": csv.QUOTE_ALL},
        ]
    ),
)
def test_what_the_csv_module_writes_is_read_to_the_bit(
    tmp_path_factory: pytest.TempPathFactory, names: list[str], rows: list[list[float]], dialect: dict[str, Any]
) -> None:
    width = len(names)
    values = np.array([[*row[:width], index] for index, row in enumerate(rows)])
    path = tmp_path_factory.mktemp("csv") / "t.csv"
    with path.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file, **dialect).writerows([[*names, "the target"], *values.tolist()])
    dataset = load_file(path, "the target")
    np.testing.assert_array_equal(dataset.X, values[:, :-1])
    np.testing.assert_array_equal(dataset.y, values[:, -1])
    assert len(set(dataset.feature_names)) == width
    assert all(name == printable(name) for name in dataset.feature_names)


@settings(max_examples=200, deadline=None)
@given(content=st.one_of(st.binary(max_size=80), st.text('12.-,;\t\n\r" ayN?e', max_size=80).map(str.encode)))
def test_whatever_a_file_holds_it_loads_or_is_told_in_a_sentence(
    tmp_path_factory: pytest.TempPathFactory, content: bytes
) -> None:
    path = tmp_path_factory.mktemp("any") / "t.csv"
    path.write_bytes(b"a,y\n1,2\n" + content)
    try:
        dataset = load_file(path)
    except InputError as error:
        assert str(error) == printable(str(error), 500)  # noqa: PT017 (either outcome is right)
    else:
        assert np.isfinite(dataset.X).all()


def problem(load_table: LoadTable, content: str | bytes, **settings: Any) -> ExperimentError:
    with pytest.raises(ExperimentError) as caught:
        load_table(content, **settings)
    return caught.value


DAMAGED = "cannot be read: it is damaged or cut off."
QUOTES = "a quotation mark is not closed, or not doubled within quotes."
NO_PARQUET = "cannot be read as Parquet; it may be damaged or cut off."


UNREADABLE = [
    ("empty.csv", "", "is empty."),
    ("blank.csv", "\n  \n,,\n", "is empty."),
    ("header.csv", "x,y\n", "holds no rows of data; at least two are needed."),
    ("header.csv", "x,y", "holds no rows of data; at least two are needed."),
    ("one-row.csv", "x,y\n1,2\n", "holds one row of data; at least two are needed."),
    (
        "utf16-without-mark.csv",
        "x,y\n1,2\n".encode("utf-16-le"),
        "is not text, since it holds zero bytes; UTF-16 needs its byte order mark at the beginning.",
    ),
    (
        "cut-utf16.csv",
        "x,y\n1,2\n".encode("utf-16")[:-1],
        "is not text in UTF-16, as its first bytes say; it may be damaged.",
    ),
    ("long-row.csv", "x,y\n1,2\n3,4,5\n", "line 3 has 3 values where the header has 2."),
    ("long-row.csv", "x,y\n" + "1,2\n" * 2000 + "3,4,5\n", "line 2,002 has 3 values where the header has 2."),
    ("long-row.csv", "1,2\n3,4,5\n", "line 2 has 3 values where the first row has 2."),
    ("long-row.csv", '\n\nx,"y\n"\n\n1,"2\n\n"\n3,4,5\n', "line 9 has 3 values where the header has 2."),
    ("long-row-mac.csv", "x,y\r1,2\r3,4,5\r", "line 3 has 3 values where the header has 2."),
    ("open-quote.csv", 'x,y\n1,2\n1,"2\n3,4\n', f"in line 3 {QUOTES}"),
    ("long-open-quote.csv", 'x,y\n1,2\n3,"4\n' + "5,6\n" * 100_000, f"in line 3 {QUOTES}"),
    ("late-open-quote.csv", "x,y\n" + "5,6\n" * 100_000 + '7,"8\n' + "5,6\n" * 9, f"in line 100,002 {QUOTES}"),
    ("not-gzip.csv.gz", b"x,y\n1,2\n3,4\n", DAMAGED),
    ("bad-gzip.csv.gz", b"\x1f\x8bgarbage", DAMAGED),
    ("cut-gzip.csv.gz", gzip.compress(b"x,y\n" + bytes(range(48, 58)) * 9000)[:-12], DAMAGED),
    (
        "long-field.csv",
        '"' + "x" * 200_000 + '",y\n1,2\n',
        "cannot be read as a table: field larger than field limit",
    ),
    ("long-cut-gzip.csv.gz", gzip.compress(b"x,y\n" + b"1,2\n3,4\n" * 50_000)[:-12], DAMAGED),
    ("text.parquet", "x,y\n1,2\n", NO_PARQUET),
    ("empty.parquet", "", NO_PARQUET),
    ("magic.parquet", b"PAR1 and nothing else in it PAR1", NO_PARQUET),
    (
        "t.xlsx",
        "x",
        "is not a table by its name, which should end in .csv, .tsv, .txt, each also as .gz, or .parquet.",
    ),
]


@pytest.mark.parametrize(("name", "content", "hint"), UNREADABLE, ids=[name for name, *_ in UNREADABLE])
def test_unreadable_files_get_one_sentence(load_table: LoadTable, name: str, content: str | bytes, hint: str) -> None:
    target = "column_2" if isinstance(content, str) and content.startswith("1") else "y"
    error = problem(load_table, content, name=name, target=target)
    assert error.key == "data.path"
    assert error.hint.startswith(hint)


def test_short_row_misses_values(load_table: LoadTable) -> None:
    dataset = load_table("x,y\n1,2\n3\n5,6\n")
    assert dataset.X.tolist() == [[1.0], [5.0]]
    assert dataset.notes == ("1 of 3 rows left out: a value is missing.",)


def test_missing_file_and_folder_are_told_apart(tmp_path: Path) -> None:
    with pytest.raises(ExperimentError, match="there is no such file"):
        load_file(tmp_path / "nowhere.csv")
    with pytest.raises(ExperimentError, match="is a folder; name a file in it"):
        load_file(tmp_path)


def test_name_that_is_not_utf8_is_refused(tmp_path: Path) -> None:
    path = tmp_path / b"caf\xe9.csv".decode("utf-8", "surrogateescape")
    with pytest.raises(ExperimentError, match="has a name that is not UTF-8"):
        load_file(path)


def test_file_that_may_not_be_read_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (path := tmp_path / "t.csv").write_text("x,y\n1,2\n3,4\n")

    def refuse(*_: object, **__: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "open", refuse)  # rights are no obstacle to root, who may run the tests
    with pytest.raises(ExperimentError, match=r"cannot be read: Permission denied\."):
        load_file(path)


def test_long_path_is_shown_by_its_end(tmp_path: Path) -> None:
    folder = tmp_path / (string.ascii_lowercase * 3)
    with pytest.raises(ExperimentError, match=r"data\.path = '….*/houses\.csv': there is no such file\."):
        load_file(folder / "houses.csv")


@pytest.mark.parametrize("compression", ["zstd", "snappy", "uncompressed"])
def test_parquet_gives_the_same_table_as_csv(
    tmp_path: Path, compression: Literal["zstd", "snappy", "uncompressed"]
) -> None:
    frame = pl.DataFrame({"a": [1.5, 2.25, 1e-300], "b": [1, 2, 3], "y": [0.1, 0.2, 0.3]})
    frame.write_parquet(tmp_path / "t.PARQUET", compression=compression)
    frame.write_csv(tmp_path / "t.csv")
    parquet, text = load_file(tmp_path / "t.PARQUET"), load_file(tmp_path / "t.csv")
    np.testing.assert_array_equal(parquet.X, text.X)
    np.testing.assert_array_equal(parquet.y, text.y)
    assert parquet.feature_names == text.feature_names == ("a", "b")


def test_parquet_cut_off_anywhere_gets_one_sentence(tmp_path: Path) -> None:
    path = tmp_path / "t.parquet"
    pl.DataFrame({"x": [1.0, 2.0], "y": [3.0, 4.0]}).write_parquet(path)
    whole = path.read_bytes()
    for length in range(0, len(whole), 29):
        path.write_bytes(whole[:length])
        with pytest.raises(ExperimentError, match="cannot be read as Parquet"):
            load_file(path)


@pytest.mark.parametrize("late", ["NA", "?", "n/a", "NaN", "nan", ""])
@pytest.mark.parametrize("first", ["1.5", "1"])
def test_a_value_is_missing_wherever_in_the_file_it_is(tmp_path: Path, first: str, late: str) -> None:
    path = tmp_path / "t.csv"
    path.write_text("a,b\n" + f"{first},2\n" * 1500 + f"{late},3\n4,5\n")
    _, frame = read(lay_out(path))
    cells = read_cells(frame[:, 0], comma=False)
    assert cells.kind == "number"
    assert cells.values[-2:].to_list() == [None, 4.0]


@pytest.mark.parametrize("nothing", ["", ",", "NA,?", ",NaN"])
def test_a_row_of_missing_values_is_no_row(tmp_path: Path, nothing: str) -> None:
    path = tmp_path / "t.csv"
    for first in ("1,2", "a,2", "a,b"):
        path.write_text(f"p,q\n{first}\n,9\n{nothing}\n{first}\n")
        assert read(lay_out(path))[1].height == 3
