#include "export/pytorch/print_clusters.h"

#include <fmt/format.h>

#include <algorithm>
#include <numeric>
#include <set>

#include "export/pytorch/functions.h"
#include "export/pytorch/print_model.h"
#include "export/pytorch/python_file.h"
#include "export/pytorch/runtime.h"

namespace smeaton::pytorch {

namespace {

/// Lines in one function, beside its head.
constexpr size_t kMostLines = 46;

struct Task {
    int statement = 0;
    std::vector<int> cores;
    double start_us = 0, finish_us = 0;
};

/// A task on all cores runs in the first cluster. Between two of them cores may change places: the
/// busiest one becomes the first, so that least is handed over.
std::vector<schedule::Placed> busiest_first(std::vector<schedule::Placed> tasks) {
    int cores = 1;
    for (const schedule::Placed& p : tasks) cores = std::max(cores, p.cores.back() + 1);
    std::vector<schedule::Placed*> order;
    for (schedule::Placed& p : tasks) order.push_back(&p);
    std::stable_sort(order.begin(), order.end(),
                     [](const auto* a, const auto* b) { return a->start_us < b->start_us; });
    auto on_all = [&](const schedule::Placed* p) {
        return p->cores.size() == static_cast<size_t>(cores);
    };
    for (auto begin = order.begin(); begin != order.end();) {
        const auto end = std::find_if(begin, order.end(), on_all);
        std::vector<double> busy_us(static_cast<size_t>(cores));
        for (auto p = begin; p != end; ++p)
            for (int core : (*p)->cores)
                busy_us[static_cast<size_t>(core)] += (*p)->finish_us - (*p)->start_us;
        std::vector<size_t> by_load(busy_us.size());
        std::iota(by_load.begin(), by_load.end(), size_t{0});
        std::stable_sort(by_load.begin(), by_load.end(),
                         [&](size_t a, size_t b) { return busy_us[a] > busy_us[b]; });
        std::vector<int> place(by_load.size());
        for (size_t k = 0; k < by_load.size(); ++k) place[by_load[k]] = static_cast<int>(k);
        for (auto p = begin; p != end; ++p) {
            for (int& core : (*p)->cores) core = place[static_cast<size_t>(core)];
            std::sort((*p)->cores.begin(), (*p)->cores.end());
        }
        begin = end == order.end() ? end : end + 1;
    }
    return tasks;
}

class ClustersPrinter {
public:
    ClustersPrinter(const Source& source, const Tree& tree, const Classes& classes,
                    const ClusterPlan& plan, const std::vector<int>& order,
                    const EmitOptions& options)
        : source_(source),
          tree_(tree),
          classes_(classes),
          plan_(plan),
          order_(order),
          options_(options),
          paths_(paths_of(tree, classes)) {
        set_parents(tree.root);
    }

    ClustersFile print() {
        sort_clusters();
        find_messages();
        find_waits();
        head();
        for (size_t c = 0; c < clusters_.size(); ++c) cluster(c);
        tail();
        out_.text = file_.text();
        return std::move(out_);
    }

private:
    const Statement& statement(int s) const { return tree_.statements[static_cast<size_t>(s)]; }

    void set_parents(int u) {
        for (const Item& item : tree_.units[static_cast<size_t>(u)].items) {
            if (item.unit >= 0)
                set_parents(item.unit);
            else
                unit_of_[item.statement] = u;
        }
    }

    // ---- the plan ------------------------------------------------------------------------------

    void sort_clusters() {
        std::map<int, std::vector<Task>> by_core;
        for (const schedule::Placed& p : busiest_first(plan_.schedule.tasks))
            by_core[p.cores.at(0)].push_back(
                {order_[static_cast<size_t>(p.task.v)], p.cores, p.start_us, p.finish_us});
        std::map<int, int> place;
        for (size_t k = 0; k < order_.size(); ++k) place[order_[k]] = static_cast<int>(k);
        for (auto& [core, tasks] : by_core) {
            std::stable_sort(tasks.begin(), tasks.end(), [&](const Task& a, const Task& b) {
                if (a.start_us != b.start_us) return a.start_us < b.start_us;
                return place.at(a.statement) < place.at(b.statement);
            });
            for (const Task& t : tasks)
                out_.cluster_of[t.statement] = static_cast<int>(clusters_.size());
            clusters_.push_back(std::move(tasks));
        }
        if (clusters_.empty()) clusters_.emplace_back();
    }

    void find_messages() {
        for (int s : order_)
            for (ValueId id : statement(s).results)
                if (id.valid()) maker_[id.v] = s;
        for (int s : order_)
            for (ValueId id : reads_of(statement(s))) {
                const auto made = maker_.find(id.v);
                if (made == maker_.end()) continue;
                const int to = out_.cluster_of.at(s);
                if (out_.cluster_of.at(made->second) != to) readers_[id.v].insert(to);
            }
    }

    /// A task on several cores holds some that other clusters use before and behind it: who comes
    /// later waits for a result of who came before, unless messages say so already.
    void find_waits() {
        using Place = std::pair<size_t, size_t>;  // cluster, task in it
        std::vector<Place> all;
        for (size_t c = 0; c < clusters_.size(); ++c)
            for (size_t k = 0; k < clusters_[c].size(); ++k) all.emplace_back(c, k);
        auto task = [&](const Place& p) -> const Task& { return clusters_[p.first][p.second]; };
        std::stable_sort(all.begin(), all.end(), [&](const Place& a, const Place& b) {
            return task(a).start_us < task(b).start_us;
        });
        std::map<int, Place> place_of;  // by statement
        std::map<int, Place> held;      // by core: the last task on it
        // By cluster: how many tasks of each cluster have ended whenever its last one has.
        std::vector<std::vector<size_t>> ended(clusters_.size(),
                                               std::vector<size_t>(clusters_.size(), 0));
        std::map<int, std::vector<size_t>> ended_at;  // by statement that others read
        for (const Place& here : all) {
            const Task& t = task(here);
            std::vector<size_t>& known = ended[here.first];
            auto follow = [&](const Place& before) {
                const std::vector<size_t>& then = ended_at.at(task(before).statement);
                for (size_t c = 0; c < known.size(); ++c) known[c] = std::max(known[c], then[c]);
            };
            for (ValueId id : reads_of(statement(t.statement)))
                if (const auto made = maker_.find(id.v); made != maker_.end())
                    follow(place_of.at(made->second));
            for (int core : t.cores) {
                const auto before = held.find(core);
                if (before == held.end() || known[before->second.first] > before->second.second)
                    continue;
                const Statement& other = statement(task(before->second).statement);
                const auto result = std::find_if(other.results.begin(), other.results.end(),
                                                 [](ValueId id) { return id.valid(); });
                readers_[result->v].insert(static_cast<int>(here.first));
                waits_[t.statement].push_back(*result);
                follow(before->second);
            }
            known[here.first] = here.second + 1;
            ended_at[t.statement] = known;
            place_of[t.statement] = here;
            for (int core : t.cores) held[core] = here;
        }
        for (const auto& tasks : clusters_)
            for (const Task& t : tasks) cores_ = std::max(cores_, t.cores.back() + 1);
    }

    const std::string& value_name(ValueId id) const { return source_.graph.at(id).name; }

    // ---- text ----------------------------------------------------------------------------------

    void head() {
        std::string about = fmt::format("\"\"\"{} in {} cluster{}.\n\n", plain_text(options_.title),
                                        clusters_.size(), clusters_.size() == 1 ? "" : "s");
        about += fmt::format(
            "Predicted: {:.0f} us, {:.0f} us one after another on one core; no plan takes less "
            "than "
            "{:.0f} us.\n",
            plan_.makespan_us, plan_.serial_us, plan_.lower_bound_us);
        for (const std::string& line : plan_.about) about += plain_text(line) + "\n";
        about +=
            "Comments: predicted start and finish in us, then the node of the model file.\n\"\"\"";
        file_.add(0, about);
        file_.blank();
        std::string body;
        for (const auto& tasks : clusters_)
            for (const Task& t : tasks) body += statement(t.statement).expression;
        file_.add(0, "from __future__ import annotations");
        file_.blank();
        file_.add(0, runtime().imports);
        if (body.find("F.") != std::string::npos) file_.add(0, "import torch.nn.functional as F");
        file_.add(0, "from torch import Tensor");
        file_.blank(2);
        file_.add(0, runtime().channel);
    }

    void tail() {
        file_.blank(2);
        std::vector<std::string> names;
        for (size_t c = 0; c < clusters_.size(); ++c) names.push_back(fmt::format("cluster_{}", c));
        file_.code(
            0, fmt::format("CLUSTERS: list[Callable[..., None]] = [{}]", fmt::join(names, ", ")));
        std::vector<std::string> outputs;
        for (ValueId id : source_.graph.outputs)
            outputs.push_back(string_text("output " + value_name(id)));
        file_.code(0, fmt::format("OUTPUTS = [{}]", fmt::join(outputs, ", ")));
        file_.add(0, fmt::format("CORES = {}  # that the plan is for", cores_));
        if (options_.processes) readers();
        file_.blank(2);
        file_.add(0, kAlone);
        file_.blank(2);
        file_.add(0, runtime().run);
    }

    /// By name of a message: the clusters that read it.
    void readers() {
        file_.add(0, "READERS: dict[str, tuple[int, ...]] = {");
        for (const auto& [value, clusters] : readers_)
            file_.add(1, fmt::format("{}: ({},),", string_text(value_name(ValueId{value})),
                                     fmt::join(clusters, ", ")));
        std::map<int32_t, size_t> outputs;
        for (ValueId id : source_.graph.outputs) ++outputs[id.v];
        for (const auto& [value, times] : outputs)
            file_.add(1,
                      fmt::format("{}: ({},),", string_text("output " + value_name(ValueId{value})),
                                  fmt::join(std::vector<int>(times, 0), ", ")));
        file_.add(0, "}");
    }

    const RuntimeText& runtime() const { return options_.processes ? kProcesses : kThreads; }

    std::vector<std::string> input_names() const {
        std::vector<std::string> names;
        for (ValueId id : source_.graph.inputs) names.push_back(identifier(value_name(id)));
        return names;
    }

    // ---- one cluster ---------------------------------------------------------------------------

    struct Line {
        std::string text, comment;
        int statement = -1;
        std::vector<ValueId> reads, makes;
    };

    /// The lines of a cluster with their marks.
    std::vector<Line> lines_of(size_t c) const {
        std::vector<Line> lines;
        std::set<int32_t> here;
        size_t cores = 0;  // as the run before left it
        for (ValueId id : source_.graph.inputs) here.insert(id.v);
        for (const Task& t : clusters_[c]) {
            const Statement& s = statement(t.statement);
            Line line;
            auto get = [&](ValueId id, const char* comment) {
                if (!here.insert(id.v).second) return;
                lines.push_back({fmt::format("channel.get({})", string_text(value_name(id))),
                                 comment,
                                 -1,
                                 {},
                                 {id}});
            };
            for (ValueId id : reads_of(s)) {
                line.reads.push_back(id);
                get(id, "");
            }
            if (const auto waits = waits_.find(t.statement); waits != waits_.end())
                for (ValueId id : waits->second) get(id, "its cores are free");
            if (t.cores.size() != cores) {
                cores = t.cores.size();
                lines.push_back({fmt::format("channel.cores({})", cores), "", -1, {}, {}});
            }
            line.text = s.expression;
            line.statement = t.statement;
            line.comment = fmt::format("{:.0f} .. {:.0f}", t.start_us, t.finish_us);
            const std::string nodes = nodes_text(source_, s.nodes);
            if (!nodes.empty()) line.comment += ", " + nodes;
            line.makes = s.results;
            lines.push_back(std::move(line));
            for (ValueId id : s.results) {
                if (!id.valid()) continue;
                here.insert(id.v);
                add_puts(id, lines);
            }
        }
        if (c == 0) add_given_inputs(lines);
        return lines;
    }

    void add_puts(ValueId id, std::vector<Line>& lines) const {
        if (const auto to = readers_.find(id.v); to != readers_.end()) {
            const std::string readers =
                to->second.size() == 1 ? "" : fmt::format(", readers={}", to->second.size());
            lines.push_back({fmt::format("channel.put({}, {}{})", string_text(value_name(id)),
                                         value_mark(id.v), readers),
                             "",
                             -1,
                             {id},
                             {}});
        }
        add_output(id, lines);
    }

    void add_output(ValueId id, std::vector<Line>& lines) const {
        const auto& outputs = source_.graph.outputs;
        const auto times = std::count(outputs.begin(), outputs.end(), id);
        if (times == 0) return;
        const std::string readers = times == 1 ? "" : fmt::format(", readers={}", times);
        lines.push_back(
            {fmt::format("channel.put({}, {}{})", string_text("output " + value_name(id)),
                         value_mark(id.v), readers),
             "",
             -1,
             {id},
             {}});
    }

    /// Outputs that are inputs.
    void add_given_inputs(std::vector<Line>& lines) const {
        for (ValueId id : source_.graph.inputs)
            if (maker_.count(id.v) == 0) add_output(id, lines);
    }

    /// Variables of a cluster, over all its parts; the lines with names in place of marks.
    struct Names {
        Variables variables;
        std::vector<std::string> texts;
        std::vector<std::vector<std::string>> reads, makes;  ///< by line

        Names(const ClustersPrinter& printer, const std::vector<Line>& lines) {
            std::map<int32_t, int> last;
            std::vector<std::string> sizes;
            for (size_t k = 0; k < lines.size(); ++k) {
                for (ValueId id : lines[k].reads) last[id.v] = static_cast<int>(k);
                add_sizes(lines[k].text, sizes);
            }
            for (const std::string& s : sizes) variables.take(size_name(s));
            for (ValueId id : printer.source_.graph.inputs)
                variables.bind(id, identifier(printer.value_name(id)),
                               static_cast<int>(lines.size()), true);
            for (size_t k = 0; k < lines.size(); ++k)
                add(printer, lines[k], static_cast<int>(k), last);
        }

        void add(const ClustersPrinter& printer, const Line& line, int k,
                 const std::map<int32_t, int>& last) {
            auto spelling = [&](const Mark& m) {
                return printer.spelled(m, line.statement, variables);
            };
            std::string text = fill(line.text, spelling);
            reads.emplace_back();
            for (ValueId id : line.reads) reads.back().push_back(variables.of(id));
            makes.emplace_back();
            std::string results;
            const std::vector<ValueId> goes_on =
                line.statement < 0
                    ? line.reads
                    : named_on(printer.statement(line.statement), line.reads, variables);
            for (ValueId id : line.makes) {
                const bool one = line.makes.size() == 1;
                const auto found = id.valid() ? last.find(id.v) : last.end();
                if (line.statement < 0 && found == last.end()) continue;  // waited for, not read
                std::string name = "_";
                if (id.valid())
                    name = variables.give(id, one ? goes_on : std::vector<ValueId>(),
                                          printer.hint(line), k,
                                          found == last.end() ? -1 : found->second);
                if (id.valid()) makes.back().push_back(name);
                results += (results.empty() ? "" : ", ") + name;
            }
            texts.push_back(results.empty() ? text : results + " = " + text);
        }
    };

    void cluster(size_t c) {
        const std::vector<Line> lines = lines_of(c);
        Names names(*this, lines);
        const std::vector<size_t> ends = part_ends(lines, names);
        std::vector<std::string> calls;
        for (size_t p = 0; p < ends.size() && ends.size() > 1; ++p)
            calls.push_back(part(c, p, lines, names, p == 0 ? 0 : ends[p - 1], ends[p]));
        file_.blank(2);
        begin_function(fmt::format("cluster_{}", c), input_names(), "None");
        file_.add(1, fmt::format("\"\"\"{} operators, predicted busy {:.0f} us.\"\"\"",
                                 clusters_[c].size(), busy_us(c)));
        if (ends.size() > 1) {
            size_t count = 0;
            for (const std::string& call : calls) count += file_.lines_of(1, call, "");
            for (const std::string& call : calls)
                count > kMostLines ? file_.whole(1, call) : void(file_.code(1, call));
            return;
        }
        add_size_lines(lines, 0, lines.size());
        for (size_t k = 0; k < lines.size(); ++k) write(lines[k], names.texts[k]);
    }

    /// Where functions end, so that none has more than kMostLines.
    std::vector<size_t> part_ends(const std::vector<Line>& lines, const Names& names) const {
        std::vector<size_t> ends;
        size_t count = 0;
        for (size_t k = 0; k < lines.size(); ++k) {
            const size_t takes = file_.lines_of(1, names.texts[k], lines[k].comment);
            if (count + takes > kMostLines) {
                ends.push_back(k);
                count = 0;
            }
            count += takes;
        }
        ends.push_back(lines.size());
        return ends;
    }

    double busy_us(size_t c) const {
        double sum = 0;
        for (const Task& t : clusters_[c]) sum += t.finish_us - t.start_us;
        return sum;
    }

    void begin_function(const std::string& name, const std::vector<std::string>& tensors,
                        const std::string& result) {
        std::vector<std::string> all = {"model: Any", "channel: Channel"};
        for (const std::string& t : tensors) all.push_back(t + ": Tensor");
        file_.call(0, "def " + name, all, " -> " + result + ":");
    }

    /// What a module returns is anything to a type checker: a name that a function returns is
    /// declared where it first stands, in front of it where that is beside others.
    std::string declared(const std::string& text, const std::string& name) {
        if (text.starts_with(name + " = ")) return name + ": Tensor" + text.substr(name.size());
        file_.add(1, name + ": Tensor");
        return text;
    }

    void write(const Line& line, const std::string& text) {
        const int at = file_.code(1, text, line.comment);
        if (line.statement >= 0) out_.line_of[line.statement] = at;
    }

    /// Sizes of the inputs that the lines name.
    void add_size_lines(const std::vector<Line>& lines, size_t begin, size_t end) {
        std::vector<std::string> sizes;
        for (size_t k = begin; k < end; ++k) add_sizes(lines[k].text, sizes);
        for (const std::string& size : sizes) {
            const Dim wanted = Dim::symbol(size);
            bool found = false;
            for (ValueId id : source_.graph.inputs) {
                const std::vector<Dim>& shape = *source_.graph.at(id).shape;
                for (size_t d = 0; d < shape.size() && !found; ++d) {
                    if (shape[d] != wanted) continue;
                    file_.add(1, fmt::format("{} = {}.shape[{}]", size_name(size),
                                             identifier(value_name(id)), d));
                    found = true;
                }
            }
        }
    }

    std::string hint(const Line& line) const {
        if (line.statement < 0) return "got";
        const Statement& s = statement(line.statement);
        if (s.modules.empty() || !s.expression.starts_with(module_mark(0))) return "";
        const int u = unit_of_.at(line.statement);
        return telling_name(classes_.attributes[static_cast<size_t>(u)].of.at(line.statement)[0]);
    }

    std::string spelled(const Mark& m, int statement, const Variables& variables) const {
        if (m.kind == Mark::Kind::Value) return variables.of({m.number});
        if (m.kind == Mark::Kind::Size) return size_name(m.name);
        if (m.kind == Mark::Kind::Device) {
            const auto& inputs = source_.graph.inputs;
            return inputs.empty() ? "None" : identifier(value_name(inputs[0])) + ".device";
        }
        const auto u = static_cast<size_t>(unit_of_.at(statement));
        const std::string& path = paths_.python[u];
        return fmt::format("model.{}{}{}", path, path.empty() ? "" : ".",
                           classes_.attributes[u].of.at(statement)[static_cast<size_t>(m.number)]);
    }

    /// A function of the lines [begin, end); gives its call.
    std::string part(size_t c, size_t p, const std::vector<Line>& lines, const Names& names,
                     size_t begin, size_t end) {
        const std::vector<std::string> inputs = input_names();
        std::vector<std::string> in, out;
        auto add_once = [](std::vector<std::string>& all, const std::string& name) {
            if (std::find(all.begin(), all.end(), name) == all.end()) all.push_back(name);
        };
        std::set<std::string> made;
        for (size_t k = begin; k < end; ++k) {
            for (const std::string& r : names.reads[k])
                if (made.count(r) == 0 &&
                    std::find(inputs.begin(), inputs.end(), r) == inputs.end())
                    add_once(in, r);
            made.insert(names.makes[k].begin(), names.makes[k].end());
        }
        std::set<int32_t> values;
        for (size_t k = begin; k < end; ++k)
            for (ValueId id : lines[k].makes)
                if (id.valid()) values.insert(id.v);
        for (size_t k = end; k < lines.size(); ++k)
            for (ValueId id : lines[k].reads)
                if (values.count(id.v) > 0) add_once(out, names.variables.of(id));
        const std::string result = out.empty()       ? "None"
                                   : out.size() == 1 ? "Tensor"
                                                     : "tuple[Tensor, ...]";
        std::vector<std::string> tensors = inputs;
        tensors.insert(tensors.end(), in.begin(), in.end());
        file_.blank(2);
        const std::string name = fmt::format("cluster_{}_part_{}", c, p);
        begin_function(name, tensors, result);
        add_size_lines(lines, begin, end);
        const std::string& returned = out.size() == 1 ? out[0] : "";
        bool is_declared = std::find(tensors.begin(), tensors.end(), returned) != tensors.end();
        for (size_t k = begin; k < end; ++k) {
            const std::vector<std::string>& makes = names.makes[k];
            const bool first =
                !is_declared && std::find(makes.begin(), makes.end(), returned) != makes.end();
            write(lines[k], first ? declared(names.texts[k], returned) : names.texts[k]);
            is_declared |= first;
        }
        const std::string results = fmt::format("{}", fmt::join(out, ", "));
        if (!out.empty()) file_.add(1, "return " + results);
        const std::string call = fmt::format("{}(model, channel{}{})", name,
                                             tensors.empty() ? "" : ", ", fmt::join(tensors, ", "));
        return out.empty() ? call : results + " = " + call;
    }

    const Source& source_;
    const Tree& tree_;
    const Classes& classes_;
    const ClusterPlan& plan_;
    const std::vector<int>& order_;
    const EmitOptions& options_;
    Paths paths_;
    std::map<int, int> unit_of_;  // by statement
    std::vector<std::vector<Task>> clusters_;
    std::map<int32_t, int> maker_;               // by value: statement
    std::map<int32_t, std::set<int>> readers_;   // by value: other clusters that get it
    std::map<int, std::vector<ValueId>> waits_;  // by statement: got so that its cores are free
    int cores_ = 1;                              // that the plan uses
    PythonFile file_;
    ClustersFile out_;
};

}  // namespace

ClustersFile print_clusters(const Source& source, const Tree& tree, const Classes& classes,
                            const ClusterPlan& plan, const std::vector<int>& order,
                            const EmitOptions& options) {
    return ClustersPrinter(source, tree, classes, plan, order, options).print();
}

}  // namespace smeaton::pytorch
