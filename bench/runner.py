"""runner.py ENGINE MODEL_FOLDER THREADS: a process that holds one model in one engine (smeaton or
onnxruntime). Reads "turn K" lines; answers each with the seconds per call of K timed calls, after one
untimed call. The first line it writes: the seconds to load, and to make the first call."""

import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "tools"))
from zoo import store  # noqa: E402


def open_smeaton(model, threads):
    import smeaton

    session = smeaton.Session(model, threads=threads)
    return lambda feeds: session.run(None, feeds)


def open_onnxruntime(model, threads):
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.log_severity_level = 3
    # Threads that spin on after their turn would run in the other's time.
    options.add_session_config_entry("session.force_spinning_stop", "1")
    session = onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
    return lambda feeds: session.run(None, feeds)


ENGINES = {"smeaton": open_smeaton, "onnxruntime": open_onnxruntime}


def main():
    engine, folder, threads = sys.argv[1], Path(sys.argv[2]), int(sys.argv[3])
    case = store.read_case(folder)
    feeds = store.feeds_of(folder, case)
    start = time.perf_counter()
    run = ENGINES[engine](str(folder / case["model"]), threads)
    loaded = time.perf_counter()
    run(feeds)
    print(loaded - start, time.perf_counter() - loaded, flush=True)
    for line in sys.stdin:
        calls = int(line.split()[1])
        run(feeds)
        start = time.perf_counter()
        for _ in range(calls):
            run(feeds)
        print((time.perf_counter() - start) / calls, flush=True)


if __name__ == "__main__":
    main()
