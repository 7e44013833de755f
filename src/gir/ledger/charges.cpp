#include "gir/ledger/charges.h"

#include "gir/layout.h"

namespace smeaton::gir {

Charges::Charges(const Levels& levels)
    : levels_(levels),
      direct_(levels.list.size()),
      crossing_(levels.list.size()),
      runs_(levels.list.size()) {}

void Charges::access(const ChargedTo& t, const Dim& elements, bool write, const Dim& run_elements) {
    if (elements.is(0)) return;
    Dim bytes = bytes_of(t.dtype, elements);
    const auto level = static_cast<size_t>(t.level);
    (write ? direct_[level].write : direct_[level].read) += bytes;
    runs_[level].push_back({bytes_of(t.dtype, run_elements), bytes});
    buffer(t, bytes, write);
}

void Charges::buffer(const ChargedTo& t, const Dim& bytes, bool write) {
    if (t.buffer.empty()) return;
    LedgerBuffer& b = buffers_.try_emplace(t.buffer, LedgerBuffer{{}, 0, 0}).first->second;
    b.level = levels_.list[static_cast<size_t>(t.level)].name;
    (write ? b.write_bytes : b.read_bytes) += bytes;
}

void Charges::crossing(const ChargedTo& t, int inner, const Dim& elements,
                       const Dim& run_elements) {
    if (elements.is(0)) return;
    Dim bytes = bytes_of(t.dtype, elements);
    buffer(t, bytes, false);
    runs_[static_cast<size_t>(t.level)].push_back({bytes_of(t.dtype, run_elements), bytes});
    if (!levels_.inside(inner, t.level) || inner == t.level) {
        crossing_[static_cast<size_t>(t.level)] += bytes;
        return;
    }
    for (int l = levels_.list[static_cast<size_t>(inner)].parent;;
         l = levels_.list[static_cast<size_t>(l)].parent) {
        crossing_[static_cast<size_t>(l)] += bytes;
        if (l == t.level) return;
    }
}

void Charges::operations(LedgerClass cls, DType dtype, const Dim& count) {
    operations_.try_emplace({cls, dtype}, Dim(0)).first->second += count;
}

Ledger Charges::take() {
    Ledger out;
    std::vector<LedgerLevel> rows;
    for (size_t l = 0; l < levels_.list.size(); ++l) {
        LedgerLevel row{levels_.list[l].name, direct_[l].read, direct_[l].write, runs_[l]};
        if (int parent = levels_.list[l].parent; parent >= 0) {
            row.read_bytes += rows[static_cast<size_t>(parent)].read_bytes;
            row.write_bytes += rows[static_cast<size_t>(parent)].write_bytes;
        }
        rows.push_back(row);
    }
    for (size_t l = 0; l < rows.size(); ++l) {
        rows[l].read_bytes += crossing_[l];
        out.levels.push_back(std::move(rows[l]));
    }
    for (auto& [key, count] : operations_)
        if (!count.is(0)) out.operations[key] = count;
    out.buffers = std::move(buffers_);
    return out;
}

}  // namespace smeaton::gir
