// The three formats, each from its JSON. Included by .cpp files only.
#pragma once

#include <map>

#include "place/problem.h"
#include "place/read/fields.h"

namespace smeaton::place {

/// The place of the node that a key names. UserError where there is none.
int place_of(const Fields&, const char* key, const std::map<std::string, int>& places);

ChainProblem read_chain(const Fields&, const ProblemOverrides&);
PartitionProblem read_partition(const Fields&, const ProblemOverrides&);
SplitProblem read_split(const Fields&, const ProblemOverrides&);

}  // namespace smeaton::place
