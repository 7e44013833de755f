"""A thousand seeded cases of the operators whose corners the odd files show; tests/long has twenty
thousand."""

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
import operator_grid as grid  # noqa: E402

SEED, CASES = 14, 112


@pytest.mark.parametrize("kind", grid.KINDS, ids=lambda kind: kind.__name__)
def test_a_grid_of_cases_agrees(kind):
    judged, wrong = grid.run(kind, CASES, SEED)
    assert judged == CASES
    assert not wrong, "\n".join(wrong)
