#include "driver/compiled.h"

#include "driver/plan.h"
#include "driver/weights.h"

namespace smeaton::driver {

void Compiled::relink(std::shared_ptr<run::Library> code) {
    executor->relink(symbols_of(tuned->program, code));
    library = std::move(code);
}

void Compiled::let_weights_go() {
    const std::shared_ptr<const Tuned> whole = tuned;
    tuned =
        std::make_shared<const Tuned>(without_weights(*whole, constants_of_runs(whole->program)));
    hold_whole(whole);
    is_light_ = true;
    executor->relink(symbols_of(tuned->program, library));
    forget_weights(whole->lowered);
}

std::shared_ptr<const Tuned> Compiled::whole() const {
    return is_light_ ? whole_.lock() : tuned;
}

void Compiled::hold_whole(const std::shared_ptr<const Tuned>& whole) {
    whole_ = whole;
}

}  // namespace smeaton::driver
