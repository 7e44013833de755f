"""one.py FOLDER THREADS: one model through the Python package; prints what is wrong, nothing when all is
right. Bits must be the same in a second run and with one thread more."""

import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
sys.path[:0] = [str(ROOT / "tools"), str(ROOT / "tests")]

import smeaton  # noqa: E402
from compare import difference  # noqa: E402
from zoo import store  # noqa: E402


def same_bits(a, b):
    return all(x.tobytes() == y.tobytes() for x, y in zip(a, b))


# Points that the interpreter takes per kernel; longer kernels are judged on a stretch of iterations.
JUDGED_POINTS = 2e6


def worst_kernel(session, feeds):
    for row in session.judge(feeds, JUDGED_POINTS):
        if not row["holds"]:
            at = row["wrong"]
            return (
                f"kernel {row['kernel']}: {row['worst']:.1e} off the interpreter at {at['buffer']}[{at['element']}], "
                f"which half an ulp in its sums moves by {at['spread']:.1e}"
            )
    return ""


def main():
    folder, threads = Path(sys.argv[1]), int(sys.argv[2])
    case = store.read_case(folder)
    feeds, expected = store.feeds_of(folder, case), store.outputs_of(folder, case)
    model = str(folder / case["model"])
    session = smeaton.Session(model, threads=threads)
    got = session.run(None, feeds)
    names = [port.name for port in session.get_outputs()]
    if names != list(expected):
        print(f"outputs {names}, expected {list(expected)}")
        return
    for name, value in zip(names, got):
        wrong = difference(value, expected[name])
        if wrong:
            print(f"output '{name}': {wrong}")
            return
    if threads == 1:
        wrong = worst_kernel(session, feeds)
        if wrong:
            print(wrong)
            return
    if not same_bits(got, session.run(None, feeds)):
        print("a second run gave other bits")
    elif threads > 1 and not same_bits(got, smeaton.Session(model, threads=1).run(None, feeds)):
        print("one thread gives other bits")


if __name__ == "__main__":
    main()
