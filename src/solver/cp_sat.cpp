#include <dlfcn.h>

#include "base/error.h"
#include "solver/constraint.h"
#include "solver/cp_sat.pb.h"
#include "solver/library.h"

namespace smeaton::solver {

namespace {

using Solve = void (*)(const void*, int, const void*, int, void**, int*);

using Free = void (*)(void*);

struct CpSat {
    Library library;
    Solve solve = nullptr;
    /// The library's own: it sees the C library's malloc, the program may have another.
    Free free = nullptr;
};

CpSat load() {
    CpSat c;
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
    // The library brings its own copy of what is here too, and a sanitizer cannot keep them apart.
    c.library.missing = "it cannot be loaded under a sanitizer";
    return c;
#endif
    c.library = load_library({"SMEATON_CP_SAT",
                              {"ortools/.libs/libortools.so*"},
                              {"libortools.so.9"},
                              "pip install ortools"});
    if (c.library.handle == nullptr) return c;
    c.solve = reinterpret_cast<Solve>(dlsym(c.library.handle, "SolveCpModelWithParameters"));
    c.free = reinterpret_cast<Free>(dlsym(c.library.handle, "free"));
    if (c.solve == nullptr || c.free == nullptr)
        c.library.missing =
            fmt::format("{} has no entry for it; pip install ortools==9.15.6755", c.library.path);
    return c;
}

const CpSat& cp_sat() {
    static const CpSat loaded = load();
    return loaded;
}

void put(const WholeSum& sum, wire::Sum& out) {
    for (const WholeSum::Part& p : sum.parts) {
        out.add_vars(p.variable);
        out.add_coeffs(p.factor);
    }
    out.set_offset(sum.constant);
}

void put(const WholeRow& row, wire::Constraint& out) {
    for (int literal : row.when) out.add_enforcement_literal(literal);
    wire::Linear& linear = *out.mutable_linear();
    for (const WholeSum::Part& p : row.sum.parts) {
        linear.add_vars(p.variable);
        linear.add_coeffs(p.factor);
    }
    linear.add_domain(row.low - row.sum.constant);
    linear.add_domain(row.high - row.sum.constant);
}

// Intervals come first, so that their numbers are those of their constraints.
void put_intervals(const ConstraintProblem& problem, wire::Model& model) {
    for (const IntervalOf& i : problem.intervals) {
        wire::Constraint& c = *model.add_constraints();
        for (int literal : i.when) c.add_enforcement_literal(literal);
        put(i.start, *c.mutable_interval()->mutable_start());
        put(i.size, *c.mutable_interval()->mutable_size());
        put(i.end, *c.mutable_interval()->mutable_end());
    }
    for (const Resource& r : problem.resources) {
        wire::Constraint& c = *model.add_constraints();
        if (r.capacity == 1) {
            for (int i : r.intervals) c.mutable_no_overlap()->add_intervals(i);
            continue;
        }
        c.mutable_cumulative()->mutable_capacity()->set_offset(r.capacity);
        for (int i : r.intervals) c.mutable_cumulative()->add_intervals(i);
        for (int64_t a : r.amounts) c.mutable_cumulative()->add_demands()->set_offset(a);
    }
}

wire::Model model_of(const ConstraintProblem& problem) {
    wire::Model model;
    for (const WholeVariable& v : problem.variables) {
        wire::Variable& out = *model.add_variables();
        out.add_domain(v.low);
        out.add_domain(v.high);
    }
    put_intervals(problem, model);
    for (const WholeRow& row : problem.rows) put(row, *model.add_constraints());
    for (const std::vector<int>& literals : problem.any_of)
        for (wire::Constraint& c = *model.add_constraints(); int literal : literals)
            c.mutable_bool_or()->add_literals(literal);
    for (const std::vector<int>& literals : problem.one_of)
        for (wire::Constraint& c = *model.add_constraints(); int literal : literals)
            c.mutable_exactly_one()->add_literals(literal);
    for (const WholeSum::Part& p : problem.objective.parts) {
        model.mutable_objective()->add_vars(p.variable);
        model.mutable_objective()->add_coeffs(p.factor);
    }
    model.mutable_objective()->set_offset(static_cast<double>(problem.objective.constant));
    for (size_t v = 0; v < problem.start.size(); ++v) {
        model.mutable_solution_hint()->add_vars(static_cast<int>(v));
        model.mutable_solution_hint()->add_values(problem.start[v]);
    }
    return model;
}

// Statuses as the solver numbers them.
enum Status { kInvalid = 1, kFeasible = 2, kInfeasible = 3, kOptimal = 4 };

Answer answer_of(const wire::Response& response) {
    Answer answer;
    SMEATON_CHECK(response.status() != kInvalid, "CP-SAT calls the problem invalid");
    answer.bound = response.best_objective_bound();
    if (response.status() == kInfeasible) answer.ended = Ended::Infeasible;
    if (response.status() != kFeasible && response.status() != kOptimal) return answer;
    answer.ended = response.status() == kOptimal ? Ended::Optimal : Ended::Feasible;
    answer.objective = response.objective_value();
    for (int64_t v : response.solution()) answer.values.push_back(static_cast<double>(v));
    return answer;
}

}  // namespace

std::string cp_sat_missing() {
    return cp_sat().library.missing;
}

Answer minimise(const ConstraintProblem& problem, const ConstraintLimits& limits) {
    const CpSat& c = cp_sat();
    if (!c.library.missing.empty()) throw UserError("CP-SAT: {}", c.library.missing);
    wire::Parameters parameters;
    parameters.set_num_workers(1);
    parameters.set_random_seed(1);
    // Ctrl-C is the program's: the solver would take its handler away and go on.
    parameters.set_catch_sigint_signal(false);
    if (limits.time_s)
        parameters.set_max_time_in_seconds(*limits.time_s);
    else
        parameters.set_max_deterministic_time(limits.effort);
    std::string model = model_of(problem).SerializeAsString();
    std::string options = parameters.SerializeAsString();
    void* bytes = nullptr;
    int size = 0;
    c.solve(model.data(), static_cast<int>(model.size()), options.data(),
            static_cast<int>(options.size()), &bytes, &size);
    wire::Response response;
    bool read = response.ParseFromArray(bytes, size);
    c.free(bytes);
    SMEATON_CHECK(read, "CP-SAT's answer of {} bytes does not parse", size);
    return answer_of(response);
}

}  // namespace smeaton::solver
