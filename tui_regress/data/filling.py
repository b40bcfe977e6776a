"""What takes the place of missing values."""

from collections.abc import Sequence

import msgspec
import numpy as np

from tui_regress.data.portions import FloatArray, reduced, spread, spread_out, strips
from tui_regress.data.reading import listed
from tui_regress.experiment import Column
from tui_regress.problems import ExperimentError


def fill_in(columns: Sequence[Column], X: FloatArray, X_held: FloatArray) -> tuple[list[Column], list[str]]:
    """Put the fill of ``columns``, or the mean over X, in place of each nan in X and ``X_held``.

    X has shape (n, d), the rows held out shape (m, d). Returns the columns with their fill, and what to tell of it.
    Raises ExperimentError about data.features where there is no value to take the mean of.
    """
    missing = _gaps(X)
    given = len(X) - missing
    # Powers of two change no digit, and keep the sums of large numbers finite.
    exponent = np.frexp(reduced(np.fmax, lambda rows, out: np.abs(X[rows], out=out), *X.shape))[1]
    means = np.ldexp(_sums(X, np.ldexp(1.0, -exponent)) / np.maximum(given, 1), exponent)
    missing += _gaps(X_held)
    with_fill, counts, texts = list[Column](), list[str](), False
    first = 0
    for column in columns:
        part = slice(first, first + column.width)
        first += column.width
        if not column.fill and not given[part.start]:
            hint = "has no value in the training rows, and so no mean to fill in; leave it out."
            raise ExperimentError("data.features", column.name, hint)
        with_fill.append(msgspec.structs.replace(column, fill=column.fill or tuple(means[part].tolist())))
        if count := int(missing[part.start]):
            texts = texts or bool(column.values)
            counts.append(f"{column.name} ({count:,})")
    if not counts:
        return with_fill, []
    fill = np.array([value for column in with_fill for value in column.fill])
    for part_of_rows in (X, X_held):
        _fill(part_of_rows, fill)
    meaning = "; the mean of a text is the share of each of its values" if texts else ""
    return with_fill, [f"Missing values, filled with the mean over the training rows: {listed(counts)}{meaning}."]


def _gaps(X: FloatArray) -> FloatArray:
    return reduced(np.add, lambda rows, out: np.isnan(X[rows], out=out), *X.shape)


def _sums(X: FloatArray, unit: FloatArray) -> FloatArray:
    units = spread_out(unit, len(X))

    def values(rows: slice, out: FloatArray) -> None:
        np.multiply(X[rows], units[: len(out)], out=out)
        np.copyto(out, 0.0, where=np.isnan(out))

    return reduced(np.add, values, *X.shape)


def _fill(X: FloatArray, fill: FloatArray) -> None:
    def of_portion(portion: slice) -> None:
        for rows in strips(portion, X.shape[1]):
            np.copyto(X[rows], fill, where=np.isnan(X[rows]))

    spread(of_portion, *X.shape)
