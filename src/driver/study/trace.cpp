#include "driver/study/trace.h"

#include <algorithm>
#include <map>

#include "base/error.h"
#include "driver/parallel/timeline.h"

namespace smeaton::driver {

namespace {

std::string named(const char* what, int thread, const std::string& name) {
    return fmt::format(
        "{{\"name\": \"{}\", \"ph\": \"M\", \"pid\": 1, \"tid\": {}, \"args\": {{\"name\": {}}}}}",
        what, thread, in_json(name));
}

std::string arguments(const MeasuredKernel& k) {
    std::string ops, bytes;
    for (const std::string& op : k.ops) ops += (ops.empty() ? "" : " ") + op;
    for (const auto& [level, count] : k.bytes)
        bytes += fmt::format("{}{}: {}", bytes.empty() ? "" : ", ", in_json(level), count);
    return fmt::format(
        "{{\"ops\": {}, \"flops\": {}, \"bytes\": {{{}}}, \"bound\": {}, \"predicted_us\": {:.3f}, "
        "\"median_us\": {:.3f}}}",
        in_json(ops), k.flops, bytes, in_json(k.bound), k.predicted_us, k.time_us);
}

std::string span(const std::string& name, const char* category, int thread, double begin_us,
                 double end_us, const std::string& args) {
    return fmt::format(
        "{{\"name\": {}, \"cat\": \"{}\", \"ph\": \"X\", \"pid\": 1, \"tid\": {}, \"ts\": {:.3f}, "
        "\"dur\": {:.3f}, \"args\": {}}}",
        in_json(name), category, thread, begin_us, end_us - begin_us, args);
}

std::string counter(const char* name, const char* unit, double at_us, int64_t value) {
    return fmt::format(
        "{{\"name\": \"{}\", \"ph\": \"C\", \"pid\": 1, \"ts\": {:.3f}, \"args\": {{\"{}\": {}}}}}",
        name, at_us, unit, value);
}

// Where a thread has nothing to do before its next span, it waits for others.
constexpr double kShortestWaitUs = 0.5;

}  // namespace

std::string trace_json(const std::string& model, const RunTrace& trace,
                       const std::vector<MeasuredKernel>& kernels) {
    std::vector<std::string> events = {named("process_name", 0, "smeaton " + model)};
    for (int t = 0; t < trace.threads; ++t)
        events.push_back(
            named("thread_name", t, t == 0 ? "thread 0 (caller)" : fmt::format("thread {}", t)));
    std::vector<TraceSpan> spans = trace.spans;
    std::stable_sort(spans.begin(), spans.end(), [](const TraceSpan& a, const TraceSpan& b) {
        return a.begin_us < b.begin_us;
    });
    std::map<int, double> busy_until;
    std::map<double, int> at_work;  // changes of the number of threads at work
    int64_t last_kernel = -1;
    for (const TraceSpan& s : spans) {
        SMEATON_CHECK(s.kernel < kernels.size(), "kernel {} of {}", s.kernel, kernels.size());
        const MeasuredKernel& k = kernels[s.kernel];
        if (auto before = busy_until.find(s.thread);
            before != busy_until.end() && s.begin_us - before->second > kShortestWaitUs)
            events.push_back(span("wait", "wait", s.thread, before->second, s.begin_us, "{}"));
        events.push_back(span(k.name, "kernel", s.thread, s.begin_us, s.end_us, arguments(k)));
        busy_until[s.thread] = s.end_us;
        ++at_work[s.begin_us];
        --at_work[s.end_us];
        if (last_kernel != static_cast<int64_t>(s.kernel))
            events.push_back(
                counter("arena in use", "bytes", s.begin_us, trace.alive_bytes.at(s.kernel)));
        last_kernel = static_cast<int64_t>(s.kernel);
    }
    int working = 0;
    for (const auto& [at, change] : at_work)
        events.push_back(counter("threads at work", "threads", at, working += change));
    std::string out = "{\"displayTimeUnit\": \"ns\", \"traceEvents\": [\n";
    for (size_t i = 0; i < events.size(); ++i) out += (i > 0 ? ",\n" : "") + events[i];
    return out + "\n]}\n";
}

}  // namespace smeaton::driver
