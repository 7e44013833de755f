#include "base/error.h"

namespace smeaton {

void fail_check(std::string_view condition, const std::string& message,
                std::source_location where) {
    throw InternalError(fmt::format("{}:{}: {} ({} does not hold)", where.file_name(), where.line(),
                                    message, condition));
}

}  // namespace smeaton
