// How many instructions a core has begun and not ended, at most: how far it looks ahead.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>

namespace smeaton::machine {

/// Code that follows two chains of pointers in turn, with cheap instructions behind each load. The
/// loads of both chains wait for memory side by side where a core sees one while it waits for the
/// other, and one after the other where what stands between fills all that it holds in flight.
class TwoChains {
public:
    /// `between`: instructions from one load to the next, both ways round. Nothing runs where the
    /// system refuses memory for code, or the CPU is not an x86-64.
    explicit TwoChains(int between);
    ~TwoChains();
    TwoChains(const TwoChains&) = delete;
    TwoChains& operator=(const TwoChains&) = delete;

    bool runs() const { return code_ != nullptr; }
    /// Both pointers go on by `steps`.
    void follow(void*& first, void*& second, int64_t steps) const;

private:
    void* code_ = nullptr;
    size_t bytes_ = 0;
};

/// The least count of instructions between at which `ns(between)` is nearer to twice than to once
/// what it is with hardly any; nothing where it never is.
std::optional<int> instructions_in_flight(const std::function<double(int between)>& ns);

}  // namespace smeaton::machine
