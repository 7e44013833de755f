// Flows over links that they share: max-min fair rates, and a simulation of transfers with them.
#pragma once

#include <cstdint>
#include <functional>
#include <limits>
#include <string>
#include <vector>

#include "base/event_queue.h"
#include "base/strong_id.h"

namespace smeaton {

using LinkId = StrongId<struct LinkTag>;
using FlowId = StrongId<struct FlowTag>;

/// What a flow needs: the links that it crosses (one named twice is charged twice), and the most
/// that its ends can take.
struct FlowPath {
    std::vector<LinkId> links;
    double most_bytes_per_s = std::numeric_limits<double>::infinity();
};

/// The max-min fair rates of flows over links of these capacities, in bytes/s: no flow can get more
/// without taking from one that has no more than it. Progressive filling (Bertsekas, Gallager: Data
/// Networks, 1992, section 6.5.2): all rates rise together; at the first link that is full, or the
/// first flow at its most, those stop, and the others go on. A flow without links has its most.
/// O(crossings * log links). InternalError unless each flow has a link or a most.
std::vector<double> max_min_rates(const std::vector<double>& link_bytes_per_s,
                                  const std::vector<FlowPath>& flows);

/// Transfers in the time of an EventQueue. Whenever flows start or end, all rates of that moment
/// are settled once, at the end of it; only flows that share links with those, directly or through
/// others, are looked at.
class SharedBandwidth {
public:
    /// The queue must outlive this.
    explicit SharedBandwidth(EventQueue& queue) : queue_(&queue) {}
    SharedBandwidth(const SharedBandwidth&) = delete;
    SharedBandwidth& operator=(const SharedBandwidth&) = delete;

    /// InternalError unless 0 < bytes_per_s < infinity.
    LinkId add_link(std::string name, double bytes_per_s);
    /// Moves `bytes` along the path from now on; `done` runs when the last has arrived, rounded up
    /// to a picosecond. Latency is the caller's: schedule the start later. The id holds until then.
    FlowId start(double bytes, FlowPath path, EventQueue::Action done);

    /// As last settled; 0 for a flow of this moment.
    double rate_bytes_per_s(FlowId) const;
    /// What has crossed the link up to the last change of rates of its flows.
    double carried_bytes(LinkId) const;
    size_t active() const { return active_; }

private:
    struct Link {
        std::string name;
        double bytes_per_s;
        double carried_bytes = 0;
        std::vector<int32_t> flows;  // active ones; a flow that crosses twice stands twice
        bool changed = false;
        uint64_t seen = 0;
    };
    struct Flow {
        FlowPath path;
        double left_bytes = 0;  // at since_ps
        double rate = 0;
        TimePs since_ps = 0;
        EventQueue::EventId end;  // invalid while no rate is settled
        EventQueue::Action done;
        bool active = false;
        uint64_t seen = 0;
    };
    void change(const Flow&);
    void settle();
    std::vector<int32_t> flows_to_settle();
    void set_rate(int32_t flow, double rate);
    void carry(Flow&);
    void finish(int32_t flow);

    EventQueue* queue_;
    std::vector<Link> links_;
    std::vector<Flow> flows_;
    std::vector<int32_t> free_flows_;
    std::vector<int32_t> changed_links_;
    std::vector<int32_t> fresh_flows_;
    bool settling_ = false;
    size_t active_ = 0;
    uint64_t round_ = 0;
};

}  // namespace smeaton
