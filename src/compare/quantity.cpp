#include "compare/quantity.h"

namespace smeaton::compare {

void rests_on(Quantity& q, const std::string& of, const machine::DeviceNumber& number) {
    const std::string& source = number.number.source;
    q.source(of + ": " + (source.empty() ? "no source is given" : source));
    q.flag_confidence(number.confidence);
}

}  // namespace smeaton::compare
