#include "export/pytorch/train.h"

#include <fmt/format.h>

#include "base/error.h"
#include "export/pytorch/text.h"
#include "model/shape/known.h"

namespace smeaton::pytorch {

namespace {

constexpr const char* kBody = R"PY(

def optimizer_of(model: Model, learning_rate: float) -> torch.optim.Optimizer:
    return @OPTIMIZER@


def loss_of(results: Tensor | tuple[Tensor, ...], target: Tensor | None) -> Tensor:
    output = results[OUTPUT] if isinstance(results, tuple) else results
@LOSS@


def random_target(output: Tensor) -> Tensor | None:
    """One that fits, to try the loop."""
@TARGET@


def random_data(
    model: Model, samples: int, given: dict[str, int]
) -> tuple[list[Tensor], Tensor | None]:
    sizes = {shape[0]: samples for shape, _ in INPUTS if shape and isinstance(shape[0], str)}
    sizes |= given
    inputs = [random_input(shape, dtype, sizes) for shape, dtype in INPUTS]
    with torch.no_grad():
        results = model.eval()(*inputs)
    return inputs, random_target(results[OUTPUT] if isinstance(results, tuple) else results)


def read_data(path: str) -> tuple[list[Tensor], Tensor | None]:
    data = torch.load(path, weights_only=True)
    return list(data["inputs"]), data.get("target")


def batches(
    inputs: list[Tensor], target: Tensor | None, batch: int
) -> Iterator[tuple[list[Tensor], Tensor | None]]:
    """Parts of so many samples, in an order of their own each time; a rest is left out."""
    samples = len(inputs[0])
    if samples < batch:
        raise SystemExit(f"{samples} samples are fewer than a batch of {batch}")
    order = torch.randperm(samples)
    for begin in range(0, samples - batch + 1, batch):
        chosen = order[begin : begin + batch]
        yield [t[chosen] for t in inputs], None if target is None else target[chosen]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("data", nargs="?", metavar="DATA.pt")
    parser.add_argument("--epochs", type=int, default=1)
    parser.add_argument("--batch", type=int, default=BATCH or 8)
    parser.add_argument("--learning-rate", type=float, default=@RATE@)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--sizes", nargs="*", default=[], metavar="NAME=NUMBER")
    arguments = parser.parse_args()
    if BATCH is not None and arguments.batch != BATCH:
        raise SystemExit(f"the model takes batches of {BATCH}")
    sizes = sizes_of(arguments.sizes)
    torch.manual_seed(arguments.seed)
    model = Model.load(Path(__file__).parent)
    if arguments.data:
        inputs, target = read_data(arguments.data)
    else:
        inputs, target = random_data(model, arguments.batch, sizes)
    optimizer = optimizer_of(model, arguments.learning_rate)
    model.train()
    for epoch in range(arguments.epochs):
        total, steps = 0.0, 0
        for some, wanted in batches(inputs, target, arguments.batch):
            optimizer.zero_grad()
            loss = loss_of(model(*some), wanted)
            loss.backward()  # type: ignore[no-untyped-call]
            optimizer.step()
            total, steps = total + loss.item(), steps + 1
        print(f"epoch {epoch + 1}: loss {total / steps:.6g}", flush=True)
    torch.save(model.state_dict(), "trained.pt")


if __name__ == "__main__":
    main()
)PY";

struct LossLines {
    std::string about, loss, target;
};

LossLines lines_of(const model::LossChoice& choice, const model::Value& output) {
    using model::LossKind;
    const std::string named = fmt::format("output '{}'", plain_text(output.name));
    if (choice.kind == LossKind::Output) {
        if (!output.shape->empty())
            throw UserError("the loss output:{}: {} has rank {}; a loss is one number", output.name,
                            named, output.shape->size());
        return {named, "    return output", "    return None"};
    }
    const std::string head = "    assert target is not None, \"the data has no target\"\n";
    if (choice.kind == LossKind::MeanSquare)
        return {"mean square error of " + named, head + "    return F.mse_loss(output, target)",
                "    return torch.randn_like(output)"};
    if (output.shape->size() < 2)
        throw UserError("the loss cross-entropy needs [batch, classes, ...]; {} has rank {}", named,
                        output.shape->size());
    return {"cross-entropy of " + named + ", classes along axis 1",
            head + "    return F.cross_entropy(output, target)",
            "    shape = [*output.shape[:1], *output.shape[2:]]\n"
            "    return torch.randint(0, output.shape[1], shape)"};
}

struct OptimizerLines {
    const char *name, *text, *rate;
};

OptimizerLines lines_of(const model::OptimizerChoice& choice) {
    switch (choice.kind) {
        case model::OptimizerKind::Sgd:
            return {"SGD", "torch.optim.SGD(model.parameters(), lr=learning_rate)", "0.01"};
        case model::OptimizerKind::Momentum:
            return {"SGD with momentum",
                    "torch.optim.SGD(model.parameters(), lr=learning_rate, momentum=0.9)", "0.01"};
        case model::OptimizerKind::Adam:
            return {"Adam", "torch.optim.Adam(model.parameters(), lr=learning_rate)", "0.001"};
        case model::OptimizerKind::AdamW:
            return {"AdamW", "torch.optim.AdamW(model.parameters(), lr=learning_rate)", "0.001"};
    }
    return {"", "", ""};
}

size_t output_number(const model::Graph& graph, const std::string& wanted) {
    std::string list;
    for (size_t k = 0; k < graph.outputs.size(); ++k) {
        const std::string& name = graph.at(graph.outputs[k]).name;
        if (wanted.empty() || name == wanted) return k;
        list += (list.empty() ? "" : ", ") + name;
    }
    throw UserError("the loss: there is no output '{}'; the outputs are {}", wanted, list);
}

void replace(std::string& text, const std::string& mark, const std::string& by) {
    text.replace(text.find(mark), mark.size(), by);
}

}  // namespace

std::string train_text(const Source& source, const TrainText& train) {
    const model::Graph& graph = source.graph;
    if (graph.inputs.empty()) throw UserError("train.py: the model has no inputs to train on");
    const size_t number = output_number(graph, train.loss.output);
    const LossLines loss = lines_of(train.loss, graph.at(graph.outputs[number]));
    const OptimizerLines optimizer = lines_of(train.optimizer);
    const auto& shape = *graph.at(graph.inputs[0]).shape;
    if (shape.empty()) throw UserError("train.py: the first input has no axis of samples");
    std::string text = fmt::format(
        R"PY("""Trains the model: {}, by {}.

    python train.py [DATA.pt] [--epochs N] [--batch N] [--learning-rate X] [--sizes NAME=NUMBER ...]

DATA.pt is what torch.save wrote of {{"inputs": [tensor, ...], "target": tensor}}: the model's inputs
in their order, samples along the first axis. Without it, random samples show that it runs; sizes
that the model leaves open are 1 there unless they are given.
Writes trained.pt: the state dict, for Model().load_state_dict(torch.load("trained.pt")).
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from pathlib import Path

import torch
{}from torch import Tensor

sys.path.insert(0, str(Path(__file__).parent))
from check import INPUTS, random_input, sizes_of
from model import Model

OUTPUT = {}  # which output the loss is of
BATCH: int | None = {}  # fixed by the model, or open)PY",
        loss.about, optimizer.name,
        train.loss.kind == model::LossKind::Output ? "" : "import torch.nn.functional as F\n",
        number, shape[0].is_const() ? shape[0].str() : "None");
    std::string body = kBody;
    replace(body, "@OPTIMIZER@", optimizer.text);
    replace(body, "@LOSS@", loss.loss);
    replace(body, "@TARGET@", loss.target);
    replace(body, "@RATE@", optimizer.rate);
    return text + "\n" + body;
}

}  // namespace smeaton::pytorch
