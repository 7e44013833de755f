#include "gir/ledger/traffic.h"

#include "base/error.h"

namespace smeaton::gir {

LevelBytes Traffic::at(Name level) const {
    for (const LevelBytes& l : levels)
        if (l.level == level) return l;
    return {level, 0, 0};
}

std::string Traffic::str() const {
    std::string text;
    for (const LevelBytes& l : levels)
        text += fmt::format("{}: read {} write {}\n", l.level, l.read_bytes, l.write_bytes);
    for (const auto& [key, count] : operations)
        text += fmt::format("{} {}: {}\n", name(key.first), tensor::name(key.second), count);
    for (const auto& [buffer, bytes] : buffers)
        text += fmt::format("buffer {}: read {} write {}\n", buffer, bytes.read_bytes,
                            bytes.write_bytes);
    return text;
}

Traffic& operator+=(Traffic& a, const Traffic& b) {
    for (const LevelBytes& row : b.levels) {
        LevelBytes* into = nullptr;
        for (LevelBytes& own : a.levels)
            if (own.level == row.level) into = &own;
        if (!into) into = &a.levels.emplace_back(LevelBytes{row.level, 0, 0});
        into->read_bytes += row.read_bytes;
        into->write_bytes += row.write_bytes;
    }
    for (const auto& [key, count] : b.operations) a.operations[key] += count;
    for (const auto& [buffer, bytes] : b.buffers) {
        LevelBytes& into =
            a.buffers.try_emplace(buffer, LevelBytes{bytes.level, 0, 0}).first->second;
        into.read_bytes += bytes.read_bytes;
        into.write_bytes += bytes.write_bytes;
    }
    return a;
}

DType compute_dtype(const Op& op, DType dst, const std::vector<DType>& slice_sources) {
    bool by_operand =
        op.kind == OpKind::Mma ||
        ((op.kind == OpKind::Unary || op.kind == OpKind::Binary) && gives_bool(op.fn));
    return by_operand && !slice_sources.empty() ? slice_sources.front() : dst;
}

LedgerClass class_of(const Op& op) {
    switch (op.kind) {
        case OpKind::Mma:
            return LedgerClass::Fma;
        case OpKind::Move:
        case OpKind::Fill:
        case OpKind::Iota:
            return LedgerClass::Move;
        case OpKind::Select:
        case OpKind::Sort:
            return LedgerClass::Compare;
        case OpKind::Unary:
        case OpKind::Binary:
        case OpKind::Reduce:
        case OpKind::Scatter:
            return op_class(op.fn);
    }
    SMEATON_CHECK(false, "op without a class");
}

int64_t sort_comparisons(int64_t n) {
    int64_t levels = 1;
    while ((int64_t{1} << levels) < n) ++levels;
    return levels;
}

}  // namespace smeaton::gir
