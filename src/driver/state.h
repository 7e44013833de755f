// What the states of a session hold between runs.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "driver/session.h"
#include "gir/program.h"
#include "model/graph.h"
#include "run/executor.h"

namespace smeaton::driver {

/// Memory for each of graph.states, dense, at its first value. Not safe to use from two threads.
class StateMemory {
public:
    StateMemory() = default;
    /// `dims`: NAME or INPUT:AXIS, as SessionOptions has them. UserError where a size stays open.
    StateMemory(const model::Graph&, const std::map<std::string, int64_t>& dims);

    /// For each state of a program, by port_name. UserError as above.
    StateMemory(const gir::Program&, const std::map<std::string, int64_t>& dims);

    bool empty() const { return kept_.empty(); }
    bool holds(const std::string& input) const;
    int64_t bytes() const;
    /// Where the program's states lie, in buffer order.
    std::vector<void*> addresses(const gir::Program&) const;
    /// A copy of what the state that takes this output holds. InternalError: there is none.
    Tensor value_of_output(const std::string& output) const;
    bool takes_output(const std::string& output) const;
    /// Copies, by input name.
    std::map<std::string, Tensor> values() const;
    /// Some or all of them. UserError on an unknown name, another element type or another shape;
    /// then nothing has changed.
    void set(const std::map<std::string, Tensor>&);

private:
    struct Kept {
        std::string input, output;  // output: empty where the program writes the state
        DType dtype;
        std::vector<int64_t> shape;
        run::Block memory;
    };
    void keep(const std::string& input, const std::string& output, DType,
              std::vector<int64_t> shape, const Tensor* first);
    static int64_t bytes(const Kept&);
    static Tensor copy(const Kept&);
    const Kept* taking(const std::string& output) const;
    Kept& named(const std::string& input);

    std::vector<Kept> kept_;
};

}  // namespace smeaton::driver
