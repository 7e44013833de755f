#include "sim/kept_models.h"

#include <algorithm>

namespace smeaton::sim {

bool operator==(const KeptModels::Traffic& a, const KeptModels::Traffic& b) {
    auto same_bytes = [](const cost::ArrayBytes& x, const cost::ArrayBytes& y) {
        return x.read == y.read && x.write == y.write;
    };
    auto same = [&](const auto& x, const auto& y) {
        return std::equal(x.begin(), x.end(), y.begin(), y.end(), same_bytes);
    };
    return a.of->cache == b.of->cache && a.of->instances == b.of->instances &&
           same(a.of->fetched, b.of->fetched) && same(a.of->first, b.of->first);
}

/// Of one kernel: the rest is the same.
bool operator==(const KeptModels::Model& a, const KeptModels::Model& b) {
    return a.caches == b.caches && (a.bare == b.bare || a.bare->pipeline == b.bare->pipeline);
}

void KeptModels::turn() {
    models.turn();
    named.turn();
    bare.turn();
    for (auto& cache : caches) cache.turn();
    parts.turn();
}

namespace {

using ModelPtr = std::shared_ptr<const cost::KernelModel>;

void add(gir::KeptSize& size, const cost::Work& work) {
    size.add_all(work.vector_instructions);
    size.add_all(work.scalar_instructions);
    size.add_all(work.asked_read_bytes);
    size.add_all(work.asked_write_bytes);
    size.add_all(work.waited_bytes);
}

void add(gir::KeptSize& size, const ModelPtr& model) {
    if (!size.is_new(model.get())) return;
    size.add(sizeof(cost::KernelModel) + gir::KeptSize::kNode);
    size.add(model->ops);
    size.add_all(model->arrays);
    size.add_all(model->touched_bytes);
    size.add_all(model->streamed);
    size.add_all(model->contractions);
    size.add_all(model->total_contractions);
    size.add_all(model->buffers);
    size.add_all(model->port_bytes);
    size.add_all(model->meetings);
    add(size, model->busiest);
    add(size, model->total);
}

void add(gir::KeptSize& size, const std::shared_ptr<const cost::CacheTraffic>& traffic) {
    if (!size.is_new(traffic.get())) return;
    size.add(sizeof(cost::CacheTraffic) + gir::KeptSize::kNode);
    size.add_all(traffic->fetched);
    size.add_all(traffic->first);
}

void add_parts(gir::KeptSize& size, const std::vector<gir::cache::PartBytes>& parts) {
    size.add_all(parts);
    for (const gir::cache::PartBytes& part : parts) {
        for (const auto* arrays : {&part.turn, &part.all, &part.own}) size.add_all(*arrays);
        add_parts(size, part.parts);
    }
}

}  // namespace

void KeptModels::measure(gir::KeptSize& size) const {
    models.measure(size, [&](const Model& m) {
        add(size, m.bare);
        size.add_all(m.caches);
        for (const auto& traffic : m.caches) add(size, traffic);
    });
    named.measure(size, [&](const std::vector<Named>& all) {
        size.add_all(all);
        for (const Named& n : all)
            for (const ModelPtr& model : {n.first, n.named}) add(size, model);
    });
    bare.measure(size, [&](const ModelPtr& model) { add(size, model); });
    for (const auto& cache : caches)
        cache.measure(size, [&](const Traffic& t) { add(size, t.of); });
    parts.measure(size, [&](const cost::PartsTable& table) {
        size.add_all(table);
        for (const auto& [of, part] : table)
            if (size.is_new(part.get())) add_parts(size, {*part});
    });
}

}  // namespace smeaton::sim
