"""ONNX Runtime as the other side of a comparison turn by turn; the program starts it as a child.

Arguments: MODEL THREADS FOLDER. Reads FOLDER/in_0.npy, …; answers "ready VERSION", then to each line "turn K" the
seconds per call of K calls after an untimed one, and to "outputs" writes FOLDER/out_0.npy, … and answers their number.
"""

import sys
import time


def main():
    model, threads, folder = sys.argv[1], int(sys.argv[2]), sys.argv[3]
    try:
        import numpy
        import onnxruntime
    except ImportError as error:
        print(f"absent {error}", flush=True)
        return
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.log_severity_level = 3
    # Threads that spin on after their turn would run in the other's time.
    options.add_session_config_entry("session.force_spinning_stop", "1")
    session = onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
    feeds = {port.name: numpy.load(f"{folder}/in_{i}.npy") for i, port in enumerate(session.get_inputs())}
    outputs = session.run(None, feeds)
    print("ready", onnxruntime.__version__, flush=True)
    for line in sys.stdin:
        words = line.split()
        if words[0] == "outputs":
            for i, output in enumerate(outputs):
                numpy.save(f"{folder}/out_{i}.npy", output)
            print(len(outputs), flush=True)
            continue
        session.run(None, feeds)
        start = time.perf_counter()
        for _ in range(int(words[1])):
            session.run(None, feeds)
        print((time.perf_counter() - start) / int(words[1]), flush=True)


main()
