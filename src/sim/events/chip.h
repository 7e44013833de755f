// A machine as what works and what is shared: engines that do one thing at a time, links that
// transfers share.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "base/event_queue.h"
#include "gir/program.h"
#include "machine/machine.h"

namespace smeaton::sim::events {

/// Does one task after another, in the order in which they come: a unit, or what moves bytes into
/// or out of a level.
struct Engine {
    std::string name;  ///< "array", "into wbuf", "out of obuf"
};

/// Bytes in a second over what several transfers share: a level's reads, its writes, its port.
struct Link {
    std::string name;
    double bytes_per_s = 0;
};

/// Bytes that cross links together; what one access asks.
struct Flow {
    std::vector<int> links;
    double bytes = 0;
    int level = 0;  ///< whose bytes these are
    bool write = false;
};

class Chip {
public:
    /// UserError where a level is a cache, or where there are several cores: this simulation walks
    /// scratchpads, one core.
    explicit Chip(const machine::Machine&);

    const machine::Machine& machine() const { return machine_; }
    const std::vector<Engine>& engines() const { return engines_; }
    const std::vector<Link>& links() const { return links_; }

    /// By name; what no machine has placed lies in the outermost level.
    int level(Name) const;
    int registers() const { return 0; }
    const machine::Level& at(int level) const {
        return machine_.levels[static_cast<size_t>(level)];
    }
    int unit_engine(const std::string& unit) const;
    int into(int level) const { return into_.at(static_cast<size_t>(level)); }
    int out_of(int level) const { return out_of_.at(static_cast<size_t>(level)); }
    /// The first level that takes the role.
    int level_for(machine::OperandRole) const;
    /// Is `inner` on the way from `outer` to the units, and not the same?
    bool inwards(int inner, int outer) const;

    /// An access to `level` from `near`: the level's own links, and the ports between the two where
    /// one lies on the way to the other.
    Flow access(int level, bool write, double bytes, int near) const;

private:
    int add_engine(const std::string& name);
    int add_link(const std::string& name, const std::optional<machine::Number>& gb_s);
    void append_level(Flow&, int level, bool write) const;
    void append_ports(Flow&, int a, int b) const;

    const machine::Machine& machine_;
    std::vector<Engine> engines_;
    std::vector<Link> links_;
    std::map<std::string, int> unit_engines_;
    std::vector<int> into_, out_of_, next_;
    std::vector<int> read_, write_, copy_, port_;  ///< links by level; -1: none
};

}  // namespace smeaton::sim::events
