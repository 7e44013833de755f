"""How two outputs are compared: the same everywhere in tests and benches."""

import numpy as np

RTOL, ATOL_OF_RANGE = 1e-3, 1e-4


def difference(got, expected):
    """What is wrong with `got`, in one line; "" where nothing is. Integers must be equal; floats within
    rtol 1e-3 and 1e-4 of the range of the expected output; NaN and infinity in the same places."""
    got, expected = np.asarray(got), np.asarray(expected)
    if got.dtype != expected.dtype:
        return f"element type {got.dtype}, expected {expected.dtype}"
    if got.shape != expected.shape:
        return f"shape {got.shape}, expected {expected.shape}"
    if expected.size == 0:
        return ""
    if expected.dtype.kind not in "fc":
        wrong = int((got != expected).sum())
        return f"{wrong} of {expected.size} elements differ" if wrong else ""
    got, expected = got.astype(np.float64), expected.astype(np.float64)
    finite = np.isfinite(expected)
    if not np.array_equal(finite, np.isfinite(got)) or not np.array_equal(
        got[~finite], expected[~finite], equal_nan=True
    ):
        return "NaN or infinity in other places"
    if not finite.any():
        return ""
    got, expected = got[finite], expected[finite]
    atol = ATOL_OF_RANGE * float(expected.max() - expected.min())
    if expected.size == 1:
        atol = ATOL_OF_RANGE * float(np.abs(expected).max())
    excess = np.abs(got - expected) - (atol + RTOL * np.abs(expected))
    wrong = int((excess > 0).sum())
    if not wrong:
        return ""
    at = int(excess.argmax())
    return (
        f"{wrong} of {expected.size} elements differ; worst: {got[at]:.7g}, expected {expected[at]:.7g}"
    )
