import csv
import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tui_regress.data import dialect


@pytest.mark.parametrize(
    ("sample", "mark"),
    [
        ("x,y\n1,2\n", ","),
        ("x;y\n1;2\n", ";"),
        ("x\ty\n1\t2\n", "\t"),
        ("x|y\n1|2\n", "|"),
        ("x;y\n1,5;2,5\n2,5;3,5\n", ";"),
        ("1,5;2,5\n2,5;3\n", ";"),
        ("1,5\t2,5\n2,5\t3,5\n", "\t"),
        ('"a;b;c",y\n1,2\n', ","),
        ("height; in cm,y\n1,2\n3,4\n", ","),
        ("x,y\n1,2\n3\n5,6\n", ","),
        ("x\n1\n2\n", ","),
        ("x;y\r1;2\r3;4\r", ";"),
        ("", ","),
        ("\n \n", ","),
    ],
)
def test_delimiter_is_what_splits_the_rows_alike(sample: str, mark: str) -> None:
    assert dialect.delimiter(sample) == mark


def test_a_line_that_is_cut_off_does_not_count_for_the_delimiter() -> None:
    assert dialect.delimiter("a;b,c;d\n1;2;3\n1;2,5;3\n1,2,3") == ";"


@pytest.mark.parametrize(("sample", "end"), [("a\nb", "\n"), ("a\r\nb", "\n"), ("a\rb", "\r"), ("a", "\n")])
def test_line_end_is_that_of_the_first_lines(sample: str, end: str) -> None:
    assert dialect.line_end(sample) == end


def test_rows_are_whole_and_say_something() -> None:
    assert list(dialect.rows('a,"b\nc"\n\n,\n1,2\n3,', ",")) == [["a", "b\nc"], ["1", "2"]]
    assert list(dialect.rows('"' + "x" * 200_000 + '"\n', ",")) == []


@pytest.mark.parametrize(
    ("first", "others", "header"),
    [
        ("x y", ["1 2"], True),
        ("1 2", ["3 4"], False),
        ("1 2", [], False),
        ("1 y", ["3 4"], True),
        ("5.1 3.5 setosa", ["4.9 3.0 setosa", "7.0 3.2 virginica"], False),
        ("39 Private 77516", ["50 Public 83311"], False),
        ("39 Private 77516", ["50 7 83311"], True),
        ("39 Private 77516", [], True),
        ("country 2019 2020", ["France 1 2"], True),
        ("country 2020", ["France 1"], True),
        ("5.1 ? setosa", ["4.9 3.0 ?"], False),
        ("1 ? 2", ["3 4 5"], False),
        (". 0 1 2", ["0 5 6 7"], True),
        (". 5 6", ["1 2 3"], False),
        ("a b", ["c d"], True),
    ],
)
def test_first_row_names_the_columns_unless_it_looks_like_those_below(
    first: str, others: list[str], header: bool
) -> None:
    def row(text: str) -> list[str]:
        return [cell.replace(".", "") if cell == "." else cell for cell in text.split()]

    assert dialect.is_header(row(first), [row(other) for other in others], comma=False) == header


def test_decimal_commas_are_numbers_where_they_may_be() -> None:
    assert not dialect.is_header(["1,5", "-1.234,5"], [["2,5", "3"]], comma=True)
    assert dialect.is_header(["1,5", "-1.234,5"], [["2,5", "3"]], comma=False)


@given(
    rows=st.lists(st.lists(st.text("ab,\n\r\"'é", max_size=6), min_size=1, max_size=3), min_size=1, max_size=12),
    size=st.integers(1, 60),
)
def test_blocks_are_whole_rows_and_together_the_text(rows: list[list[str]], size: int) -> None:
    text = io.StringIO()
    csv.writer(text, quoting=csv.QUOTE_ALL, lineterminator="\n").writerows(rows)
    blocks = list(dialect.blocks(io.BytesIO(text.getvalue().encode()), "\n", size))
    assert b"".join(blocks).decode() == text.getvalue()
    read = [list(csv.reader(io.StringIO(block.decode(), newline=""), strict=True)) for block in blocks]
    assert [row for block in read for row in block] == rows


def test_a_quote_that_is_never_closed_makes_one_block_of_the_rest() -> None:
    text = b'1,2\n3,"4\n' + b"5,6\n" * 10
    assert list(dialect.blocks(io.BytesIO(text), "\n", 8)) == [b"1,2\n", text[4:]]
