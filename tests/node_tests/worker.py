"""Worker of run.py: reads names of node tests, answers each with "kind<TAB>reason" in one line."""

import os
import sys
from pathlib import Path

import numpy
import onnx
import onnx.backend.test.loader as loader
from onnx import numpy_helper
from onnx.backend.test.runner import Runner

import smeaton
import smeaton.backend

CASES = {case.name: case for case in loader.load_model_tests(kind="node")}


def load(path, value_type):
    """A tensor, sequence or optional of the suite, as the type of its graph input or output says."""
    content = path.read_bytes()
    if value_type.HasField("sequence_type"):
        sequence = onnx.SequenceProto()
        sequence.ParseFromString(content)
        return numpy_helper.to_list(sequence)
    if value_type.HasField("optional_type"):
        optional = onnx.OptionalProto()
        optional.ParseFromString(content)
        return numpy_helper.to_optional(optional)
    tensor = onnx.TensorProto()
    tensor.ParseFromString(content)
    return numpy_helper.to_array(tensor)


def values(folder, prefix, infos):
    count = len(list(folder.glob(f"{prefix}_*.pb")))
    return [load(folder / f"{prefix}_{k}.pb", infos[k].type) for k in range(count)]


def run(case):
    folder = Path(case.model_dir)
    model = onnx.load(str(folder / "model.onnx"))
    prepared = smeaton.backend.prepare(model, threads=1)
    data_sets = sorted(folder.glob("test_data_set_*"))
    if not data_sets:
        raise AssertionError("the test has no data set")
    for data_set in data_sets:
        inputs = values(data_set, "input", model.graph.input)
        expected = values(data_set, "output", model.graph.output)
        with numpy.errstate(all="ignore"):
            Runner.assert_similar_outputs(
                expected, list(prepared.run(inputs)), rtol=case.rtol, atol=case.atol
            )


def judged(name):
    try:
        run(CASES[name])
    except smeaton.UserError as error:
        return "refused", str(error)
    except BaseException as error:  # whatever it is: one failed test, with its name
        return "wrong", f"{type(error).__name__}: {error}"
    return "passed", ""


def one_line(text):
    return " ".join(text.split())[:160]


def main():
    # What libraries print must not mix with the answers.
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    for line in sys.stdin:
        kind, reason = judged(line.strip())
        answers.write(f"{kind}\t{one_line(reason)}\n")
        answers.flush()


if __name__ == "__main__":
    main()
