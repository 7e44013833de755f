#include <charconv>
#include <cmath>

#include "base/error.h"
#include "schedule/read/read.h"

namespace smeaton::schedule {

namespace {

// Numbers one after another, whatever lines they stand in; # starts a comment.
class Numbers {
public:
    Numbers(const std::string& file, std::string_view text) : file_(file), rest_(text) {}

    double number(const char* what) {
        skip();
        double value = 0;
        auto [end, error] = std::from_chars(rest_.data(), rest_.data() + rest_.size(), value);
        if (error != std::errc{} || !std::isfinite(value)) fail(what);
        rest_.remove_prefix(static_cast<size_t>(end - rest_.data()));
        return value;
    }
    int whole(const char* what, int low, int high) {
        skip();
        std::string_view before = rest_;
        double value = number(what);
        if (value != std::floor(value) || value < low || value > high) {
            rest_ = before;
            fail(fmt::format("{} ({} to {})", what, low, high));
        }
        return static_cast<int>(value);
    }
    double time(const char* what) {
        skip();
        std::string_view before = rest_;
        double value = number(what);
        if (value < 0) {
            rest_ = before;
            fail(fmt::format("{} from 0 on", what));
        }
        return value;
    }
    void end() {
        skip();
        if (!rest_.empty()) fail("the end of the file");
    }

private:
    void skip() {
        while (!rest_.empty()) {
            char c = rest_.front();
            if (c == '#') {
                while (!rest_.empty() && rest_.front() != '\n') rest_.remove_prefix(1);
                continue;
            }
            if (c != ' ' && c != '\t' && c != '\r' && c != '\n') return;
            line_ += c == '\n';
            rest_.remove_prefix(1);
        }
    }
    [[noreturn]] void fail(const std::string& expected) const {
        std::string_view word = rest_.substr(0, rest_.find_first_of(" \t\r\n"));
        throw UserError("{}:{}: expected {}, found {}", file_, line_, expected,
                        word.empty() ? "the end of the file" : "'" + std::string(word) + "'");
    }

    const std::string& file_;
    std::string_view rest_;
    int line_ = 1;
};

constexpr int kMostTasks = 10'000'000;

}  // namespace

TaskGraph read_stg(const std::string& file, std::string_view text) {
    Numbers in(file, text);
    const int last = in.whole("the number of tasks", 1, kMostTasks) + 1;
    TaskGraph rows;
    for (int i = 0; i <= last; ++i) {
        in.whole(fmt::format("the task's number {}", i).c_str(), i, i);
        rows.tasks.push_back({std::to_string(i), {in.time("a time")}, {0}, 0});
        int count = in.whole("the number of predecessors", 0, last + 1);
        for (int k = 0; k < count; ++k)
            rows.edges.push_back({{in.whole("a predecessor", 0, last)}, {i}, 0, 0});
    }
    in.end();
    const bool drop_first = rows.tasks.front().durations_us[0] == 0;
    const bool drop_last = rows.tasks.back().durations_us[0] == 0;
    auto dropped = [&](TaskId t) { return (t.v == 0 && drop_first) || (t.v == last && drop_last); };
    TaskGraph graph;
    for (int i = 0; i <= last; ++i)
        if (!dropped({i})) graph.tasks.push_back(rows.tasks[static_cast<size_t>(i)]);
    for (Edge e : rows.edges) {
        if (dropped(e.from) || dropped(e.to)) continue;
        e.from.v -= drop_first;
        e.to.v -= drop_first;
        graph.edges.push_back(e);
    }
    return graph;
}

TaskGraph read_td(const std::string& file, std::string_view text) {
    Numbers in(file, text);
    const int n = in.whole("the number of tasks", 1, kMostTasks);
    TaskGraph graph;
    for (int i = 1; i <= n; ++i) {
        in.whole(fmt::format("the task's number {}", i).c_str(), i, i);
        graph.tasks.push_back({std::to_string(i), {in.time("a time")}, {0}, 0});
        int count = in.whole("the number of successors", 0, n);
        for (int k = 0; k < count; ++k) {
            int to = in.whole("a successor", 1, n);
            graph.edges.push_back({{i - 1}, {to - 1}, in.time("a message's time"), 0});
        }
    }
    in.end();
    return graph;
}

}  // namespace smeaton::schedule
