#include "machine/probe/in_flight.h"

#include <sys/mman.h>

#include <cstring>
#include <vector>

namespace smeaton::machine {
namespace {

constexpr int kFewest = 16, kMost = 2048;

#if defined(__x86_64__)

struct Pointers {
    void *first, *second;
};
using Code = Pointers (*)(void* first, void* second, int64_t steps);

/// A register set to zero: an instruction that takes no unit and no register, and does not merge
/// with its neighbours as one that does nothing may.
constexpr unsigned char kCheap[] = {0x31, 0xc0};        // xor eax, eax
constexpr unsigned char kFirst[] = {0x48, 0x8b, 0x3f};  // mov rdi, [rdi]
constexpr unsigned char kSecond[] = {0x48, 0x8b, 0x36};
constexpr unsigned char kCount[] = {0x48, 0xff, 0xca};                        // dec rdx
constexpr unsigned char kAgain[] = {0x0f, 0x85};                              // jnz, by four bytes
constexpr unsigned char kEnd[] = {0x48, 0x89, 0xf8, 0x48, 0x89, 0xf2, 0xc3};  // rax, rdx; ret

std::vector<unsigned char> code_for(int between) {
    std::vector<unsigned char> code;
    auto add = [&](const auto& bytes) {
        code.insert(code.end(), std::begin(bytes), std::end(bytes));
    };
    add(kFirst);
    for (int i = 0; i < between; ++i) add(kCheap);
    add(kSecond);
    for (int i = 0; i < between; ++i) add(kCheap);
    add(kCount);
    add(kAgain);
    const auto back = -static_cast<int32_t>(code.size() + sizeof(int32_t));
    unsigned char bytes[sizeof back];
    std::memcpy(bytes, &back, sizeof back);
    add(bytes);
    add(kEnd);
    return code;
}

#endif

}  // namespace

#if defined(__x86_64__)

TwoChains::TwoChains(int between) {
    const std::vector<unsigned char> code = code_for(between);
    void* memory =
        mmap(nullptr, code.size(), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED) return;
    std::memcpy(memory, code.data(), code.size());
    if (mprotect(memory, code.size(), PROT_READ | PROT_EXEC) != 0) {
        munmap(memory, code.size());
        return;
    }
    code_ = memory;
    bytes_ = code.size();
}

TwoChains::~TwoChains() {
    if (code_) munmap(code_, bytes_);
}

void TwoChains::follow(void*& first, void*& second, int64_t steps) const {
    if (!code_ || steps <= 0) return;
    const Pointers at = reinterpret_cast<Code>(code_)(first, second, steps);
    first = at.first;
    second = at.second;
}

#else

TwoChains::TwoChains(int) {}
TwoChains::~TwoChains() {}
void TwoChains::follow(void*&, void*&, int64_t) const {}

#endif

std::optional<int> instructions_in_flight(const std::function<double(int)>& ns) {
    constexpr double kApart = 1.5;
    const double together = ns(kFewest);
    auto apart = [&](int between) { return ns(between) > kApart * together; };
    if (!apart(kMost)) return std::nullopt;
    int with = kFewest, without = kMost;
    while (without - with > 1) {
        const int middle = (with + without) / 2;
        (apart(middle) ? without : with) = middle;
    }
    return without;
}

}  // namespace smeaton::machine
