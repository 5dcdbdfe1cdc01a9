"""Numbers for golden files: the same on every run, exact in float32, short to write."""
import json

import numpy as np


class Source:
    """Inputs of one case, drawn from a stream named by the case's number."""

    def __init__(self, number):
        self.random = np.random.RandomState(1000 + number)

    def values(self, *shape, scale=1.0):
        """About normal, multiples of 1/64, never 0: no derivative is asked for at a kink."""
        drawn = np.round(self.random.standard_normal(shape) * scale * 64)
        return np.where(drawn == 0, 1, drawn) / 64

    def distinct(self, *shape):
        """No two equal, for whatever picks a largest."""
        count = int(np.prod(shape))
        return (self.random.permutation(count).reshape(shape) - count // 2 + 0.5) / 32

    def positive(self, *shape):
        return np.abs(self.values(*shape)) + 0.25

    def indices(self, below, *shape):
        return self.random.randint(0, below, size=shape).astype(np.int32)


def tensor(values):
    """A tensor as JSON: {"shape": [2, 2], "data": [...]}, with "dtype": "i32" for indices."""
    array = np.asarray(values)
    if array.dtype.kind in "iu":
        return {"shape": list(array.shape), "dtype": "i32", "data": [int(v) for v in array.ravel()]}
    # Nine digits are more than float32 holds; "+ 0.0" turns -0 into 0.
    return {"shape": list(array.shape), "data": [short(v) for v in array.ravel()]}


def short(value):
    number = float("%.9g" % value) + 0.0
    return int(number) if number == int(number) and abs(number) < 1e9 else number


def write(path, document):
    with open(path, "w", encoding="utf-8") as file:
        file.write("[\n")
        file.write(",\n".join(json.dumps(case, sort_keys=True, separators=(",", ":")) for case in document))
        file.write("\n]\n")
