#include <fmt/format.h>

#include <algorithm>
#include <limits>
#include <nlohmann/json.hpp>
#include <set>
#include <unordered_map>

#include "base/error.h"
#include "schedule/read/read.h"

namespace smeaton::schedule {

namespace {

using Json = nlohmann::ordered_json;

class Reader {
public:
    Reader(const std::string& file, const Json& root) : file_(file), root_(root) {}

    TaskGraph run() {
        object(root_, "the graph", {"tasks", "edges", "cores", "memory_bytes"});
        if (root_.contains("cores")) read_cores(root_["cores"]);
        if (root_.contains("memory_bytes"))
            graph_.memory_bytes = number(root_, "memory_bytes", "the graph", 0);
        const Json& tasks = list(root_, "tasks", "the graph");
        for (size_t i = 0; i < tasks.size(); ++i) read_task(tasks[i], fmt::format("tasks[{}]", i));
        if (root_.contains("edges")) {
            const Json& edges = list(root_, "edges", "the graph");
            for (size_t i = 0; i < edges.size(); ++i)
                read_edge(edges[i], fmt::format("edges[{}]", i));
        }
        return std::move(graph_);
    }

private:
    template <class... Args>
    [[noreturn]] void fail(fmt::format_string<Args...> text, Args&&... args) const {
        throw UserError("{}: {}", file_, fmt::format(text, std::forward<Args>(args)...));
    }

    void object(const Json& j, const std::string& where,
                std::initializer_list<const char*> keys) const {
        if (!j.is_object()) fail("{}: expected an object", where);
        for (const auto& [key, value] : j.items()) {
            if (std::find(keys.begin(), keys.end(), key) != keys.end()) continue;
            std::string known;
            for (const char* k : keys) known += std::string(known.empty() ? "" : ", ") + k;
            fail("{}: there is no key '{}'; there are {}", where, key, known);
        }
    }
    const Json& list(const Json& j, const char* key, const std::string& where) const {
        if (!j.contains(key) || !j[key].is_array()) fail("{}: '{}' is to be a list", where, key);
        return j[key];
    }
    double number(const Json& j, const char* key, const std::string& where, double low) const {
        if (!j[key].is_number() || !(j[key].get<double>() >= low))
            fail("{}: '{}' is to be a number from {} on", where, key, low);
        return j[key].get<double>();
    }
    std::string text(const Json& j, const char* key, const std::string& where) const {
        if (!j.contains(key) || !j[key].is_string()) fail("{}: '{}' is to be a text", where, key);
        return j[key].get<std::string>();
    }

    static bool is_control(unsigned char c) { return c < 0x20 || c == 0x7f; }

    void read_cores(const Json& j) {
        if (!j.is_object() || j.empty()) fail("'cores' is to be an object of counts by kind");
        graph_.kinds.clear();
        graph_.cores = Cores{{}};
        for (const auto& [kind, count] : j.items()) {
            if (!count.is_number_integer() || count.get<int64_t>() < 1 ||
                count.get<int64_t>() > kMostCores)
                fail("cores.{}: expected a whole number from 1 to {}", kind, kMostCores);
            graph_.kinds.push_back(kind);
            graph_.cores->kinds.push_back({kind, count.get<int>()});
        }
    }

    int kind(const std::string& name, const std::string& where) {
        auto found = std::find(graph_.kinds.begin(), graph_.kinds.end(), name);
        if (found != graph_.kinds.end()) return static_cast<int>(found - graph_.kinds.begin());
        fail("{}: there are no cores '{}'; add them to 'cores' of the graph", where, name);
    }

    void read_task(const Json& j, std::string where) {
        object(j, where, {"name", "durations_us", "holds", "output_bytes"});
        Task task;
        task.name = text(j, "name", where);
        if (task.name.empty() || std::any_of(task.name.begin(), task.name.end(), is_control))
            fail("{}: 'name' is to be a text of one line", where);
        where += " ('" + task.name + "')";
        for (const Json& d : list(j, "durations_us", where)) {
            if (!d.is_null() && !d.is_number())
                fail("{}: 'durations_us' is to be a list of numbers", where);
            task.durations_us.push_back(d.is_null() ? std::numeric_limits<double>::infinity()
                                                    : d.get<double>());
        }
        if (j.contains("output_bytes")) task.output_bytes = number(j, "output_bytes", where, 0);
        if (j.contains("holds")) {
            task.holds.clear();
            for (const Json& name : list(j, "holds", where)) {
                if (!name.is_string()) fail("{}: 'holds' is to be a list of kinds", where);
                task.holds.push_back(kind(name.get<std::string>(), where));
            }
            std::sort(task.holds.begin(), task.holds.end());
            if (std::adjacent_find(task.holds.begin(), task.holds.end()) != task.holds.end())
                fail("{}: 'holds' names a kind twice", where);
        } else if (graph_.kinds.size() > 1) {
            fail("{}: 'holds' is to say which kinds of core; there are {}", where,
                 fmt::join(graph_.kinds, ", "));
        }
        ids_.emplace(task.name, static_cast<int>(graph_.tasks.size()));
        graph_.tasks.push_back(std::move(task));
    }

    TaskId task(const Json& j, const char* key, const std::string& where) const {
        std::string name = text(j, key, where);
        auto found = ids_.find(name);
        if (found == ids_.end()) fail("{}: '{}' names '{}', which is no task", where, key, name);
        return {found->second};
    }

    void read_edge(const Json& j, const std::string& where) {
        object(j, where, {"from", "to", "cost_us", "bytes"});
        Edge edge{task(j, "from", where), task(j, "to", where), 0, 0};
        if (j.contains("cost_us")) edge.cost_us = number(j, "cost_us", where, 0);
        if (j.contains("bytes")) edge.bytes = number(j, "bytes", where, 0);
        graph_.edges.push_back(edge);
    }

    const std::string& file_;
    const Json& root_;
    TaskGraph graph_;
    std::unordered_map<std::string, int> ids_;
};

}  // namespace

namespace {

/// Of several values under one key the parser would keep the last.
class NoKeyTwice {
public:
    explicit NoKeyTwice(const std::string& file) : file_(file) {}

    bool operator()(int, Json::parse_event_t event, const Json& parsed) {
        if (event == Json::parse_event_t::object_start) open_.emplace_back();
        if (event == Json::parse_event_t::object_end) open_.pop_back();
        if (event == Json::parse_event_t::key &&
            !open_.back().insert(parsed.get_ref<const std::string&>()).second)
            throw UserError("{}: an object has the key '{}' twice", file_,
                            parsed.get_ref<const std::string&>());
        return true;
    }

private:
    const std::string& file_;
    std::vector<std::set<std::string>> open_;
};

}  // namespace

TaskGraph read_json(const std::string& file, std::string_view text) {
    Json root;
    try {
        root = Json::parse(text, NoKeyTwice(file));
    } catch (const Json::exception& error) {  // of the form, or a number that is too large
        throw UserError("{}: no JSON: {}", file, error.what());
    }
    return Reader(file, root).run();
}

}  // namespace smeaton::schedule
