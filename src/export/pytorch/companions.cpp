#include "export/pytorch/companions.h"

#include <fmt/format.h>

#include "export/pytorch/python_file.h"
#include "export/pytorch/text.h"
#include "model/shape/known.h"

namespace smeaton::pytorch {

namespace {

constexpr const char* kCheckHead =
    R"("""Loads the model, runs it both ways, compares bits, prints times.

    python check.py [NAME=NUMBER ...]

Inputs are random; sizes that the model leaves open are 1 unless they are given.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from pathlib import Path

import torch
from torch import Tensor

sys.path.insert(0, str(Path(__file__).parent))
from model import Model

)";

constexpr const char* kCheckTail = R"(

def random_input(shape: list[int | str], dtype: torch.dtype, sizes: dict[str, int]) -> Tensor:
    dims = [sizes.get(d, 1) if isinstance(d, str) else d for d in shape]
    if dtype.is_floating_point:
        return torch.randn(dims).to(dtype)
    return torch.randint(0, 2, dims).to(dtype)


def sizes_of(words: list[str]) -> dict[str, int]:
    """Of the sizes that the model leaves open, what NAME=NUMBER words say."""
    known = dict.fromkeys(d for shape, _ in INPUTS for d in shape if isinstance(d, str))
    sizes = {}
    for word in words:
        name, _, number = word.rpartition("=")
        if name not in known or not number.isdecimal():
            names = ", ".join(known) or "none"
            raise SystemExit(
                f"size {word!r}: expected NAME=NUMBER, a whole number for a size that the model "
                f"leaves open: {names}"
            )
        sizes[name] = int(number)
    return sizes


def milliseconds(call: Callable[[], object]) -> float:
    call()
    times = []
    for _ in range(5):
        start = time.perf_counter()
        call()
        times.append(time.perf_counter() - start)
    return 1000 * min(times)


def as_tuple(results: Tensor | tuple[Tensor, ...]) -> tuple[Tensor, ...]:
    return results if isinstance(results, tuple) else (results,)


def same_bits(a: Tensor, b: Tensor) -> bool:
    if a.dtype != b.dtype or a.shape != b.shape:
        return False
    a, b = (t.contiguous().flatten() for t in (a, b))
    return torch.equal(a.view(torch.uint8), b.view(torch.uint8))


def main() -> int:
    sizes = sizes_of(sys.argv[1:])
    torch.manual_seed(0)
    model = Model.load(Path(__file__).parent)
    inputs = [random_input(shape, dtype, sizes) for shape, dtype in INPUTS]
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    with torch.inference_mode():
        serial = as_tuple(model.forward(*inputs))
        parallel = as_tuple(model.forward_parallel(*inputs))
        same = all(same_bits(a, b) for a, b in zip(serial, parallel))
        torch.set_num_threads(threads)
        one = milliseconds(lambda: model.forward(*inputs))
        all_at_once = milliseconds(lambda: model.forward_parallel(*inputs))
    print(f"forward {one:.2f} ms, forward_parallel {all_at_once:.2f} ms, {threads} threads")
    print("forward_parallel gives the bits of forward" if same else "FAILED: the bits differ")
    return 0 if same else 1


if __name__ == "__main__":
    sys.exit(main())
)";

}  // namespace

namespace {

/// A size by its name alone where that is all it is: what check.py is told it by.
std::string size_text(const Dim& d) {
    if (d.is_const()) return d.str();
    const std::vector<Name> symbols = d.symbols();
    const bool one = symbols.size() == 1 && d == Dim::symbol(symbols[0]);
    return string_text(one ? symbols[0].str() : d.str());
}

}  // namespace

std::string check_text(const Source& source) {
    PythonFile rows;
    rows.add(0, "INPUTS: list[tuple[list[int | str], torch.dtype]] = [");
    for (ValueId id : source.graph.inputs) {
        const model::Value& v = source.graph.at(id);
        std::string dims;
        for (const Dim& d : *v.shape) dims += (dims.empty() ? "" : ", ") + size_text(d);
        rows.code(1, fmt::format("([{}], {}),", dims, dtype_text(*v.dtype)), plain_text(v.name));
    }
    rows.add(0, "]");
    return std::string(kCheckHead) + rows.text() + kCheckTail;
}

std::string readme_text(const Source& source, const ClusterPlan& plan, const EmitOptions& options) {
    std::string arguments, inputs;
    for (ValueId id : source.graph.inputs) {
        const model::Value& v = source.graph.at(id);
        arguments += (arguments.empty() ? "" : ", ") + identifier(v.name);
        inputs += fmt::format("- input `{}`: {}\n", identifier(v.name),
                              plain_text(model::describe(v.dtype, v.shape)));
    }
    for (ValueId id : source.graph.outputs) {
        const model::Value& v = source.graph.at(id);
        inputs += fmt::format("- output `{}`: {}\n", plain_text(v.name),
                              plain_text(model::describe(v.dtype, v.shape)));
    }
    std::string about;
    for (const std::string& line : plan.about) about += plain_text(line) + "\n";
    return fmt::format(R"(# {0}

PyTorch source of `{1}`. It needs PyTorch and nothing else.

    from model import Model

    model = Model.load(".")            # this folder
    y = model({2})
    y = model.forward_parallel({2})

{3}
- `model.py`: the model and its blocks. Comments name the node of the model file that a line computes; in a
  class that is made several times, the node of the first instance.
- `weights.safetensors`: by the names of `Model().state_dict()`; loaded by `Model.load`, or by the `safetensors`
  package.
- `clusters.py`: the plan behind `forward_parallel`: one function per cluster, each {7} of its own;
  `channel.put` and `channel.get` are the only synchronisation. Predicted {4:.0f} us, {5:.0f} us one after
  another on one core.
- `model_map.json`: for each node of the model file the class, the module, the line in `model.py`, the cluster and
  the line in `clusters.py`; for each initializer its names in the weights.
- `check.py`: loads the weights, compares the bits of both ways, prints times.
{8}- `ruff.toml`: the width that `ruff format` keeps. The source passes `ruff check` and `mypy --strict`.

`forward_parallel` takes the threads of `torch.get_num_threads()` for the plan's cores: an operator has its share of
them, at least one. With
`torch.set_num_threads(1)` its results are those of `forward`, bit for bit.

{6})",
                       plain_text(options.title), plain_text(options.source), arguments, inputs,
                       plan.makespan_us, plan.serial_us, about,
                       options.processes ? "in a process" : "on a thread",
                       options.train ? "- `train.py`: a loop with a loss and an optimiser.\n" : "");
}

}  // namespace smeaton::pytorch
