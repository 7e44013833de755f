"""step_kernels.py [MODEL...]: every kernel of training steps as emitted against the interpreter, on the values that the step
really feeds it, and what recomputing does to memory and bits. Runs under .venv-zoo (tests/long/README.md)."""

import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))

import numpy as np  # noqa: E402
import whole_gradients  # noqa: E402
from whole_gradients import TRIALS, smeaton, store  # noqa: E402

NAMES = ("resnet18", "mobilenet_v2", "bert_2")
# Points that the interpreter takes per kernel; of longer ones it takes the first and last iterations of each of
# their nests: every form of tile, tail and border that a kernel has stands at an end.
POINTS = 5e6
WAYS = ("none", "selective", "full")
RECOMPUTED = ("mobilenet_v2", "bert_2")  # judged under each of the ways


def element(about):
    return (
        f"{about['buffer']}[{about['element']}] is {about['found']:.7g}, interpreted {about['wanted']:.7g}: "
        f"{about['off']:.1e} off, and half an ulp in the kernel's sums moves it by {about['spread']:.1e}"
    )


def judge(name, path, feeds, loss, way="none"):
    """Every element within kKernelTolerance, but for those that no order of addition gives: they are named."""
    begin = time.perf_counter()
    trainer = smeaton.Trainer(path, loss=loss, optimizer="adam", learning_rate=1e-3, recompute=way)
    trainer.step(feeds)
    rows = trainer._judge(feeds, POINTS)
    wrong = [row for row in rows if not row["holds"]]
    ill = [row for row in rows if row["ill_conditioned"]]
    whole = sum(row["iterations"] == row["of"] for row in rows)
    elements = sum(row["elements"] for row in rows)
    print(
        f"{name}, recompute {way}: {len(rows)} kernels against the interpreter, {whole} of them whole, "
        f"{elements} elements, worst {max(row['worst'] for row in rows):.1e}, {len(wrong)} wrong; "
        f"{sum(row['ill_conditioned'] for row in ill)} elements of {len(ill)} kernels are ill-conditioned; "
        f"{time.perf_counter() - begin:.0f} s",
        flush=True,
    )
    for row in wrong:
        print(f"  WRONG {row['kernel']}: {row['worst']:.1e}; {element(row['wrong'])}")
    for row in ill:
        print(f"  ill-conditioned in {row['kernel']}: {row['ill_conditioned']}; {element(row['worst_ill'])}")
    return not wrong


def recompute(name, path, feeds, loss):
    """Bytes kept fall from none to selective to full, and no bit changes."""
    kept, results = [], []
    for way in WAYS:
        trainer = smeaton.Trainer(path, loss=loss, optimizer="sgd", learning_rate=1e-3, recompute=way)
        losses = [trainer.step(feeds) for _ in range(2)]
        results.append({**trainer.gradients(feeds), **trainer.parameters(), "losses": np.array(losses)})
        memory = trainer.memory(feeds)
        kept.append(memory["activation_bytes"])
        print(
            f"{name}: recompute {way}: {memory['activation_bytes'] / 1e6:.2f} MB kept, at most "
            f"{memory['arena_lower_bound_bytes'] / 1e6:.2f} MB alive, arena {memory['arena_bytes'] / 1e6:.2f} MB",
            flush=True,
        )
    same = all(r[k].tobytes() == results[0][k].tobytes() for r in results for k in results[0])
    falls = kept[0] > kept[1] > kept[2]
    if not same or not falls:
        print(f"  WRONG {name}: {'same' if same else 'OTHER'} bits, {'less' if falls else 'NOT LESS'} memory")
    return same and falls


def main():
    wrong = []
    with tempfile.TemporaryDirectory() as folder:
        for name in sys.argv[1:] or NAMES:
            path, feeds = whole_gradients.prepare(name, TRIALS[name], Path(folder))[:2]
            loss = TRIALS[name].loss
            ways = WAYS if name in RECOMPUTED else ("none",)
            right = [judge(name, path, feeds, loss, way) for way in ways]
            right.append(recompute(name, path, feeds, loss))
            if not all(right):
                wrong.append(name)
    if wrong:
        sys.exit(f"wrong: {', '.join(wrong)}")


if __name__ == "__main__":
    main()
