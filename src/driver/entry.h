// A program in a file of its own, in a model's place: it enters the stages behind the one that its
// first line names ("# after tile"), without such a line behind `lower`.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "driver/pipeline.h"
#include "driver/session.h"
#include "gir/program.h"
#include "gir/target.h"

namespace smeaton::driver {

/// Does the file hold a program or the dump of one, by its name (.gir) or its first word?
bool is_program_file(const std::string& path);
/// UserError for such a file, of those who need a model.
void refuse_program(const std::string& path);

/// Data that stand by their hash are left out: such buffers are among open_weights(). UserError for
/// text that does not parse, a stage that makes no program, a program that runs nothing or whose
/// steps are not all `run`.
Entry read_entry(const std::string& path);

/// What callers know the buffer by: the value that it holds, else its own name.
std::string port_name(const gir::Buffer&);
/// Input and output buffers in the program's order, by port_name; sizes may be open.
std::vector<PortInfo> input_ports(const gir::Program&);
std::vector<PortInfo> output_ports(const gir::Program&);
/// Weights that neither the text nor a step gives a value, and states whose first value it names by
/// a hash alone.
std::vector<PortInfo> open_weights(const Entry&);
/// Puts the values into the buffers that open_weights() named; values of other names are left out.
void give_weights(Entry&, const std::map<std::string, Tensor>& values);
/// UserError naming weights that are still open.
void require_weights(const Entry&);

/// The program for these sizes. UserError naming sizes that stay open or contradict each other,
/// levels and scopes that a program behind that stage cannot have on the target, and what the
/// verifier finds.
gir::Program entered_program(const Entry&, const Specialisation&, const gir::Target&);
/// UserError for options that a program has no use for: states, which its buffers are, and a stage
/// to stop after that does not run.
void check_program_options(const Entry&, const SessionOptions&);

/// Values of `param`s from NAME and INPUT:AXIS. UserError for others.
tensor::Bindings bindings_of(const gir::Program&, const std::map<std::string, int64_t>& dims);

}  // namespace smeaton::driver
