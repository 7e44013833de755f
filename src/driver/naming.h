// Messages name the file that they are about.
#pragma once

#include <string>

#include "base/error.h"

namespace smeaton::driver {

/// Runs `body`; a UserError that does not name the file yet gets its path in front.
template <class Body>
auto naming(const std::string& path, Body&& body) {
    try {
        return body();
    } catch (const UserError& error) {
        const std::string message = error.what();
        if (message.find(path) != std::string::npos) throw;
        throw UserError(path + ": " + message);
    }
}

}  // namespace smeaton::driver
