from tests.tui.kept import summary
from tui_regress.tui.marks import LETTERS, Marks

RUNS = [summary(place) for place in range(10)]


def marked(*places: int) -> Marks:
    marks = Marks()
    for place in places:
        marks.toggle(RUNS[place])
    return marks


def letters(marks: Marks) -> dict[int, str]:
    return {run_id: LETTERS[letter] for run_id, letter in marks.letters.items()}


def test_letters_are_given_in_order_and_kept() -> None:
    marks = marked(5, 3, 8)
    assert letters(marks) == {5: "A", 3: "B", 8: "C"}

    marks.toggle(RUNS[5])
    assert letters(marks) == {3: "B", 8: "C"}

    marks.toggle(RUNS[1])
    assert letters(marks) == {1: "A", 3: "B", 8: "C"}
    assert [run.run_id for run in marks.compared(None)] == [1, 3, 8]


def test_there_are_as_many_marks_as_letters() -> None:
    assert not marked(*range(5)).full
    assert marked(*range(6)).full
    assert RUNS[5] in marked(*range(6))
    assert RUNS[6] not in marked(*range(6))


def test_the_run_under_the_cursor_is_compared_while_fewer_than_two_are_marked() -> None:
    assert marked().compared(RUNS[4]) == [RUNS[4]]
    assert marked(2).compared(RUNS[4]) == [RUNS[2], RUNS[4]]
    assert marked(2).compared(RUNS[2]) == [RUNS[2]]
    assert marked(2, 3).compared(RUNS[4]) == [RUNS[2], RUNS[3]]
    assert marked().compared(None) == []


def test_a_run_that_is_not_marked_yet_has_the_letter_it_would_be_given() -> None:
    assert marked(2).letter(RUNS[4]) == 1
    assert marked(2, 3).letter(RUNS[3]) == 1


def test_a_marked_run_is_compared_as_it_was_seen_last() -> None:
    marks = marked(2, 3)
    later = summary(3, loss=1e-9)

    marks.renew([later, summary(4, loss=1.0)])

    assert marks.compared(None) == [RUNS[2], later]


def test_runs_that_are_gone_free_their_letters() -> None:
    marks = marked(2, 3, 4)

    marks.drop([2, 4, 7])

    assert letters(marks) == {3: "B"}
