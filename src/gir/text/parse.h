// Reads the text form of GIR (print.h): print(parse(x)) == x.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "gir/program.h"
#include "tensor/tensor_text.h"

namespace smeaton::gir {

// UserError("FILE:LINE:COL: …") on malformed text: an unknown word, op, dtype or scalar function, a
// kernel that is run but not given, a constant that the table lacks. Whether the program means
// something is the verifier's question (verify.h).

/// `unknown`: gets the buffers whose data stand by a hash that the table lacks, which then have
/// none; without it such a hash is an error, as it always is in a kernel.
Program parse_program(std::string_view text, const std::string& file,
                      const tensor::ConstantTable& constants = {},
                      std::vector<Name>* unknown = nullptr);
/// One kernel, without a program around it.
Kernel parse_kernel(std::string_view text, const std::string& file,
                    const tensor::ConstantTable& constants = {});

}  // namespace smeaton::gir
