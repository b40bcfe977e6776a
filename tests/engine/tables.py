"""scikit-learn's bundled tables, as this project's tests train on them."""

from functools import cache
from typing import Literal

import numpy as np
from sklearn.datasets import load_breast_cancer, load_diabetes, load_iris, load_wine

from tui_regress.data.dataset import FloatArray

Name = Literal["diabetes", "breast cancer", "iris", "wine"]
LOGISTIC: tuple[Name, ...] = ("breast cancer", "iris", "wine")
NAMES: tuple[Name, ...] = ("diabetes", *LOGISTIC)


@cache
def table(name: Name) -> tuple[FloatArray, FloatArray]:
    """X of shape (n, d), y of shape (n,); iris as versicolor against virginica, wine as the second cultivar or not."""
    match name:
        case "diabetes":
            X, y = load_diabetes(return_X_y=True)
        case "breast cancer":
            X, y = load_breast_cancer(return_X_y=True)
        case "iris":
            X, y = load_iris(return_X_y=True)
            X, y = X[y > 0], y[y > 0] == 2
        case "wine":
            X, y = load_wine(return_X_y=True)
            y = y == 1
    return np.asarray(X, dtype=np.float64), np.asarray(y, dtype=np.float64)
