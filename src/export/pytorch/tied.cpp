#include "export/pytorch/tied.h"

#include <algorithm>
#include <cstring>
#include <map>
#include <tuple>

namespace smeaton::pytorch {

namespace {

constexpr int64_t kShortest = 8;  // elements: fewer may be equal by chance
constexpr int64_t kSamples = 16;

/// Elements of a tensor of the file, by their flat number there.
class Elements {
public:
    Elements(const model::Graph& graph, const StoredTensor& t)
        : stored_(t),
          value_(*graph.at(t.weight.constant).constant),
          width_(static_cast<size_t>(tensor::bits(value_.dtype()) / 8)) {
        count_ = 1;
        for (int64_t d : t.shape) count_ *= d;
    }

    int64_t count() const { return count_; }

    uint64_t at(int64_t i) const {
        int64_t from = i;
        if (stored_.weight.from == Weight::From::Transposed) {
            const int64_t columns = stored_.shape[1], rows = stored_.shape[0];
            from = i % columns * rows + i / columns;
        } else if (stored_.weight.from == Weight::From::Repeated) {
            from = i / stored_.weight.repeat;
        }
        uint64_t bits = 0;
        std::memcpy(&bits, value_.data() + static_cast<size_t>(from) * width_, width_);
        return bits;
    }

    bool all_alike() const {
        for (int64_t i = 1; i < count_; ++i)
            if (at(i) != at(0)) return false;
        return true;
    }

    bool same_as(const Elements& other) const {
        if (stored_.weight.constant == other.stored_.weight.constant &&
            stored_.weight.from == other.stored_.weight.from)
            return true;
        for (int64_t i = 0; i < count_; ++i)
            if (at(i) != other.at(i)) return false;
        return true;
    }

private:
    const StoredTensor& stored_;
    const Tensor& value_;
    size_t width_;
    int64_t count_ = 1;
};

}  // namespace

std::vector<TiedPair> tied_parameters(const model::Graph& graph,
                                      const std::vector<StoredTensor>& tensors) {
    using Key = std::tuple<DType, std::vector<int64_t>, std::vector<uint64_t>>;
    std::map<Key, std::vector<const StoredTensor*>>
        first;  // those with these elements here and there
    std::vector<TiedPair> pairs;
    for (const StoredTensor& t : tensors) {
        if (!t.is_parameter || t.weight.from == Weight::From::Zero) continue;
        const Elements elements(graph, t);
        if (elements.count() < kShortest) continue;
        Key key{t.dtype, t.shape, {}};
        for (int64_t k = 0; k < kSamples; ++k)
            std::get<2>(key).push_back(elements.at(k * (elements.count() - 1) / (kSamples - 1)));
        std::vector<const StoredTensor*>& known = first[key];
        const auto same = std::find_if(known.begin(), known.end(), [&](const StoredTensor* other) {
            return elements.same_as(Elements(graph, *other));
        });
        if (same == known.end())
            known.push_back(&t);
        else if (!elements.all_alike())
            pairs.push_back({t.name, (*same)->name});
    }
    return pairs;
}

}  // namespace smeaton::pytorch
