#include "base/shared_bandwidth.h"

#include <algorithm>
#include <cmath>
#include <queue>
#include <utility>

#include "base/error.h"

namespace smeaton {

namespace {

constexpr double kPsPerS = 1e12;

/// One flooding of the links: what is left of each, and who still rises.
class Filling {
public:
    Filling(const std::vector<double>& capacity, const std::vector<FlowPath>& flows)
        : flows_(flows),
          left_(capacity),
          rising_(capacity.size(), 0),
          users_(capacity.size()),
          rates_(flows.size(), -1) {
        for (size_t f = 0; f < flows.size(); ++f) {
            SMEATON_CHECK(!flows[f].links.empty() || std::isfinite(flows[f].most_bytes_per_s),
                          "flow {} has neither a link nor a most", f);
            for (LinkId link : flows[f].links) {
                ++rising_[index(link)];
                users_[index(link)].push_back(f);
            }
        }
    }

    std::vector<double> rates() {
        std::vector<size_t> by_most(flows_.size());
        for (size_t f = 0; f < by_most.size(); ++f) by_most[f] = f;
        std::stable_sort(by_most.begin(), by_most.end(), [&](size_t a, size_t b) {
            return flows_[a].most_bytes_per_s < flows_[b].most_bytes_per_s;
        });
        for (size_t l = 0; l < left_.size(); ++l) push(l);
        for (size_t f : by_most) {
            fill_links_below(flows_[f].most_bytes_per_s);
            if (rates_[f] < 0) stop(f, flows_[f].most_bytes_per_s);
        }
        return std::move(rates_);
    }

private:
    static size_t index(LinkId id) { return static_cast<size_t>(id.v); }
    /// The common rate at which the link is full.
    double full_at(size_t link) const {
        return std::max(0.0, left_[link]) / static_cast<double>(rising_[link]);
    }
    void push(size_t link) {
        if (rising_[link] > 0) queue_.push({full_at(link), link});
    }

    /// Stops the flows of every link that is full before the common rate reaches `rate`. A link's
    /// rate of filling only grows as others' flows stop, so an old entry is early, never late.
    void fill_links_below(double rate) {
        while (!queue_.empty() && queue_.top().first < rate) {
            const auto [when, link] = queue_.top();
            queue_.pop();
            if (rising_[link] == 0) continue;
            if (full_at(link) > when) {
                push(link);
                continue;
            }
            for (size_t f : users_[link])
                if (rates_[f] < 0) stop(f, when);
        }
    }

    void stop(size_t flow, double rate) {
        rates_[flow] = rate;
        for (LinkId link : flows_[flow].links) {
            left_[index(link)] -= rate;
            --rising_[index(link)];
        }
    }

    using Entry = std::pair<double, size_t>;
    const std::vector<FlowPath>& flows_;
    std::vector<double> left_;
    std::vector<int64_t> rising_;  // crossings of flows that have not stopped
    std::vector<std::vector<size_t>> users_;
    std::vector<double> rates_;  // -1: rises
    std::priority_queue<Entry, std::vector<Entry>, std::greater<>> queue_;
};

}  // namespace

std::vector<double> max_min_rates(const std::vector<double>& link_bytes_per_s,
                                  const std::vector<FlowPath>& flows) {
    return Filling(link_bytes_per_s, flows).rates();
}

LinkId SharedBandwidth::add_link(std::string name, double bytes_per_s) {
    SMEATON_CHECK(bytes_per_s > 0 && std::isfinite(bytes_per_s), "link {} carries {} bytes/s", name,
                  bytes_per_s);
    links_.push_back({std::move(name), bytes_per_s, 0, {}, false, 0});
    return LinkId{static_cast<int32_t>(links_.size() - 1)};
}

FlowId SharedBandwidth::start(double bytes, FlowPath path, EventQueue::Action done) {
    SMEATON_CHECK(bytes >= 0 && std::isfinite(bytes), "a flow of {} bytes", bytes);
    SMEATON_CHECK(path.most_bytes_per_s > 0, "a flow that may take {} bytes/s",
                  path.most_bytes_per_s);
    if (free_flows_.empty()) {
        free_flows_.push_back(static_cast<int32_t>(flows_.size()));
        flows_.emplace_back();
    }
    const int32_t f = free_flows_.back();
    free_flows_.pop_back();
    Flow& flow = flows_[static_cast<size_t>(f)];
    flow = {std::move(path), bytes, 0, queue_->now_ps(), {}, std::move(done), true, 0};
    for (LinkId link : flow.path.links) links_[static_cast<size_t>(link.v)].flows.push_back(f);
    ++active_;
    fresh_flows_.push_back(f);
    change(flow);
    return FlowId{f};
}

double SharedBandwidth::rate_bytes_per_s(FlowId id) const {
    return flows_[static_cast<size_t>(id.v)].rate;
}

double SharedBandwidth::carried_bytes(LinkId id) const {
    return links_[static_cast<size_t>(id.v)].carried_bytes;
}

/// Notes that rates on the flow's links will be settled at the end of this moment.
void SharedBandwidth::change(const Flow& flow) {
    for (LinkId id : flow.path.links) {
        Link& link = links_[static_cast<size_t>(id.v)];
        if (!link.changed) changed_links_.push_back(id.v);
        link.changed = true;
    }
    if (settling_) return;
    settling_ = true;
    queue_->at_end_of_now([this] { settle(); });
}

/// Active flows that share links with a changed one, however indirectly, and fresh flows.
std::vector<int32_t> SharedBandwidth::flows_to_settle() {
    ++round_;
    std::vector<int32_t> found;
    auto meet = [&](int32_t f) {
        Flow& flow = flows_[static_cast<size_t>(f)];
        if (!flow.active || flow.seen == round_) return;
        flow.seen = round_;
        found.push_back(f);
        for (LinkId id : flow.path.links) changed_links_.push_back(id.v);
    };
    for (int32_t f : fresh_flows_) meet(f);
    for (size_t i = 0; i < changed_links_.size(); ++i) {
        Link& link = links_[static_cast<size_t>(changed_links_[i])];
        link.changed = false;
        if (link.seen == round_) continue;
        link.seen = round_;
        for (int32_t f : link.flows) meet(f);
    }
    changed_links_.clear();
    fresh_flows_.clear();
    std::sort(found.begin(), found.end());
    return found;
}

void SharedBandwidth::settle() {
    settling_ = false;
    const std::vector<int32_t> flows = flows_to_settle();
    std::vector<FlowPath> paths;
    std::vector<double> capacity;
    std::vector<int32_t> local(links_.size(), -1);
    for (int32_t f : flows) {
        paths.push_back(flows_[static_cast<size_t>(f)].path);
        for (LinkId& id : paths.back().links) {
            int32_t& l = local[static_cast<size_t>(id.v)];
            if (l < 0) {
                l = static_cast<int32_t>(capacity.size());
                capacity.push_back(links_[static_cast<size_t>(id.v)].bytes_per_s);
            }
            id.v = l;
        }
    }
    const std::vector<double> rates = max_min_rates(capacity, paths);
    for (size_t i = 0; i < flows.size(); ++i) set_rate(flows[i], rates[i]);
}

/// Brings the bytes of a flow and of its links up to now.
void SharedBandwidth::carry(Flow& flow) {
    const auto passed = static_cast<double>(queue_->now_ps() - flow.since_ps);
    const double moved = std::min(flow.left_bytes, flow.rate * passed / kPsPerS);
    flow.left_bytes -= moved;
    flow.since_ps = queue_->now_ps();
    for (LinkId link : flow.path.links) links_[static_cast<size_t>(link.v)].carried_bytes += moved;
}

void SharedBandwidth::set_rate(int32_t f, double rate) {
    Flow& flow = flows_[static_cast<size_t>(f)];
    if (flow.end.valid() && flow.rate == rate) return;
    carry(flow);
    if (flow.end.valid()) queue_->cancel(flow.end);
    flow.rate = rate;
    SMEATON_CHECK(rate > 0, "flow {} stands still", f);
    const double ps = std::ceil(flow.left_bytes / rate * kPsPerS);
    SMEATON_CHECK(ps < 9.2e18, "a flow of {} bytes at {} bytes/s outlasts time", flow.left_bytes,
                  rate);
    flow.end = queue_->after(static_cast<TimePs>(ps), [this, f] { finish(f); });
}

void SharedBandwidth::finish(int32_t f) {
    Flow& flow = flows_[static_cast<size_t>(f)];
    for (LinkId link : flow.path.links)
        links_[static_cast<size_t>(link.v)].carried_bytes += flow.left_bytes;
    for (LinkId id : flow.path.links) {
        std::vector<int32_t>& users = links_[static_cast<size_t>(id.v)].flows;
        users.erase(std::find(users.begin(), users.end(), f));
    }
    flow.active = false;
    flow.left_bytes = 0;
    change(flow);
    --active_;
    const EventQueue::Action done = std::move(flow.done);
    flow.done = nullptr;
    free_flows_.push_back(f);
    if (done) done();
}

}  // namespace smeaton
