// What a session is fed, against what it takes.
#pragma once

#include <functional>
#include <map>
#include <string>
#include <vector>

#include "driver/session.h"
#include "gir/program.h"

namespace smeaton::driver {

using Feeds = std::map<std::string, Tensor>;

/// UserError on a missing, unknown or ill-typed feed; `path` names the model in messages.
void check_feeds(const std::string& path, const std::vector<PortInfo>& inputs,
                 const std::vector<PortInfo>& overridable,
                 const std::function<bool(const std::string&)>& is_state, const Feeds&);
[[noreturn]] void refuse_output(const std::string& path, const std::vector<PortInfo>& outputs,
                                const std::string& wanted);

/// Inputs and states of a program, by buffer. `fed`: names of inputs in the order of its buffers.
std::map<Name, Tensor> values_by_buffer(const gir::Program&, const std::vector<std::string>& fed,
                                        const Feeds&, const std::map<std::string, Tensor>& held);

}  // namespace smeaton::driver
