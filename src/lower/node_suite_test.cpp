// The operator tests that the onnx package ships, through reader, shapes, lowering and interpreter.
// SMEATON_NODE_TESTS names their folder (onnx/backend/test/data/node); without it the test is
// skipped. SMEATON_NODE_FILTER runs those whose name contains the text and says more.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <optional>
#include <set>
#include <string>

#include "gir/interp/interp.h"
#include "gir/text/print.h"
#include "gir/verify/verify.h"
#include "lower/evaluate.h"
#include "lower/lower.h"
#include "model/bind_dims.h"
#include "model/onnx/read.h"
#include "model/shape/infer.h"
#include "model/unsupported.h"

namespace smeaton::lower {
namespace {

namespace fs = std::filesystem;
using tensor::Tensor;

enum class Verdict { Passed, Failed, Refused };

struct Outcome {
    Verdict verdict = Verdict::Passed;
    std::string why;
};

bool close(double got, double want) {
    if (std::isnan(want)) return std::isnan(got);
    if (std::isinf(want)) return got == want;
    return std::abs(got - want) <= 1e-7 + 1e-3 * std::abs(want);
}

std::optional<std::string> difference(const Tensor& got, const Tensor& want) {
    if (got.dtype() != want.dtype())
        return fmt::format("dtype {} for {}", tensor::name(got.dtype()),
                           tensor::name(want.dtype()));
    if (got.shape() != want.shape()) return "another shape";
    for (int64_t i = 0; i < want.elements(); ++i) {
        const bool same = tensor::is_float(want.dtype())
                              ? close(got.at_as_double(i), want.at_as_double(i))
                              : got.at_as_int(i) == want.at_as_int(i);
        if (!same)
            return fmt::format("element {} is {}, expected {}", i, got.at_as_double(i),
                               want.at_as_double(i));
    }
    return {};
}

model::ShapedGraph shaped(const model::Graph& graph, const std::map<std::string, Tensor>& feeds) {
    model::DimBindings dims;
    for (const auto& [name, t] : feeds) dims.fed_shapes[name] = t.shape();
    const model::Graph bound = model::bind_dims(graph, dims);
    model::ValueBindings known;
    for (int attempt = 0;; ++attempt) {
        try {
            model::Inferred inferred = model::infer_values(bound, known, evaluate);
            for (size_t v = 0; v < inferred.known.size(); ++v) {
                std::optional<Tensor>& constant = inferred.shaped.graph.values[v].constant;
                const model::KnownPtr& k = inferred.known[v];
                if (!constant && k && k->is_const()) constant = model::to_tensor(*k);
            }
            return inferred.shaped;
        } catch (const model::NeedsValue& needs) {
            if (attempt == 4) throw;
            for (const std::string& name : needs.inputs) known[name] = feeds.at(name);
        }
    }
}

std::vector<Tensor> run(const gir::Program& program, const std::vector<Tensor>& feeds) {
    std::map<Name, Tensor> inputs;
    size_t next = 0;
    for (const gir::Buffer& b : program.buffers)
        if (b.lifetime == gir::Lifetime::Input && b.alias_of.empty())
            inputs[b.name] = feeds.at(next++);
    const gir::interp::Result result = gir::interp::run(program, inputs);
    std::vector<Tensor> out;
    for (const gir::Buffer& b : program.buffers)
        if (b.lifetime == gir::Lifetime::Output && b.alias_of.empty())
            out.push_back(result.outputs.at(b.name));
    return out;
}

std::vector<Tensor> files(const fs::path& folder, const std::string& kind) {
    std::vector<Tensor> out;
    for (int n = 0;; ++n) {
        const fs::path file = folder / fmt::format("{}_{}.pb", kind, n);
        if (!fs::exists(file)) return out;
        out.push_back(model::onnx::read_tensor_file(file));
    }
}

Outcome judge(const fs::path& folder, bool verbose) {
    try {
        const model::Graph graph = model::onnx::read_onnx(folder / "model.onnx");
        model::refuse_unsupported(graph);
        const fs::path data = folder / "test_data_set_0";
        const std::vector<Tensor> feeds = files(data, "input"), wanted = files(data, "output");
        std::map<std::string, Tensor> named;
        for (size_t n = 0; n < graph.inputs.size(); ++n)
            named[graph.at(graph.inputs[n]).name] = feeds.at(n);
        const gir::Program program = lower(shaped(graph, named));
        if (verbose) std::cout << gir::print(program);
        gir::verify(program, "lowering");
        const std::vector<Tensor> got = run(program, feeds);
        for (size_t n = 0; n < wanted.size(); ++n)
            if (const auto why = difference(got.at(n), wanted[n]))
                return {Verdict::Failed, fmt::format("output {}: {}", n, *why)};
        return {};
    } catch (const UserError& error) {
        return {Verdict::Refused, error.what()};
    } catch (const std::exception& error) {
        return {Verdict::Failed, error.what()};
    }
}

/// Tests that give other values on purpose, by the list that the Python run keeps true.
std::set<std::string> other_on_purpose() {
    std::ifstream list(std::string(SMEATON_SOURCE_DIR) + "/tests/node_tests/not_passing.txt");
    std::set<std::string> names;
    for (std::string line; std::getline(list, line);)
        if (size_t at = line.find(" wrong "); at != std::string::npos)
            names.insert(line.substr(0, at));
    return names;
}

TEST(NodeSuite, supported_operators_give_the_expected_values) {
    const char* root = std::getenv("SMEATON_NODE_TESTS");
    if (!root) GTEST_SKIP() << "SMEATON_NODE_TESTS is not set";
    const char* filter = std::getenv("SMEATON_NODE_FILTER");
    std::vector<fs::path> folders;
    for (const fs::directory_entry& e : fs::directory_iterator(root))
        if (!filter || e.path().filename().string().find(filter) != std::string::npos)
            folders.push_back(e.path());
    std::sort(folders.begin(), folders.end());
    const std::set<std::string> listed_names = other_on_purpose();
    int passed = 0, failed = 0, refused = 0;
    for (const fs::path& folder : folders) {
        const Outcome o = judge(folder, filter != nullptr);
        bool fails = o.verdict == Verdict::Failed,
             listed = listed_names.count(folder.filename().string()) > 0;
        passed += o.verdict == Verdict::Passed;
        failed += fails;
        refused += o.verdict == Verdict::Refused;
        if (fails != listed)
            ADD_FAILURE() << folder.filename().string() << ": "
                          << (listed ? "passes, but is listed in not_passing.txt" : o.why);
        if (o.verdict == Verdict::Refused)
            std::cout << "refused " << folder.filename().string() << ": " << o.why << "\n";
    }
    std::cout << passed << " passed, " << failed << " failed, " << refused << " refused\n";
}

}  // namespace
}  // namespace smeaton::lower
