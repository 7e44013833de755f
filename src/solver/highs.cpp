#include <dlfcn.h>

#include <algorithm>
#include <cstdint>

#include "base/error.h"
#include "solver/constraint.h"
#include "solver/library.h"
#include "solver/linear.h"

namespace smeaton::solver {

namespace {

// The part of HiGHS's C interface that is used here; its integers have 32 bits unless it says
// otherwise.
struct Highs {
    Library library;
    void* (*create)();
    void (*destroy)(void*);
    int32_t (*integer_bytes)(const void*);
    int32_t (*set_flag)(void*, const char*, int32_t);
    int32_t (*set_number)(void*, const char*, double);
    int32_t (*set_integer)(void*, const char*, int32_t);
    int32_t (*pass)(void*, int32_t, int32_t, int32_t, int32_t, int32_t, double, const double*,
                    const double*, const double*, const double*, const double*, const int32_t*,
                    const int32_t*, const double*, const int32_t*);
    int32_t (*set_solution)(void*, const double*, const double*, const double*, const double*);
    int32_t (*run)(void*);
    int32_t (*status)(const void*);
    int32_t (*get_integer)(const void*, const char*, int32_t*);
    int32_t (*get_number)(const void*, const char*, double*);
    int32_t (*solution)(const void*, double*, double*, double*, double*);
};

// Names as the library has them.
constexpr int32_t kRowwise = 2, kMinimise = 1, kWhole = 1;
constexpr int32_t kOptimal = 7, kInfeasible = 8, kFeasiblePoint = 2;

Highs load() {
    // OR-Tools brings a HiGHS of another version. Once the loader has one by that name it takes it
    // for the other too, unless OR-Tools, which asks by name, comes first; this one is asked for by
    // path.
    cp_sat_missing();
    Highs h{};
    h.library = load_library({"SMEATON_HIGHS",
                              {"highspy/libhighs.so*"},
                              {"libhighs.so.1", "libhighs.so"},
                              "pip install highspy (or apt install libhighs1 where there is one)"});
    if (h.library.handle == nullptr) return h;
    auto find = [&](auto& function, const char* name) {
        void* symbol = dlsym(h.library.handle, name);
        if (symbol == nullptr && h.library.missing.empty())
            h.library.missing =
                fmt::format("{} has no {}; pip install highspy==1.15.1", h.library.path, name);
        function = reinterpret_cast<std::remove_reference_t<decltype(function)>>(symbol);
    };
    find(h.create, "Highs_create");
    find(h.destroy, "Highs_destroy");
    find(h.integer_bytes, "Highs_getSizeofHighsInt");
    find(h.set_flag, "Highs_setBoolOptionValue");
    find(h.set_number, "Highs_setDoubleOptionValue");
    find(h.set_integer, "Highs_setIntOptionValue");
    find(h.pass, "Highs_passMip");
    find(h.set_solution, "Highs_setSolution");
    find(h.run, "Highs_run");
    find(h.status, "Highs_getModelStatus");
    find(h.get_integer, "Highs_getIntInfoValue");
    find(h.get_number, "Highs_getDoubleInfoValue");
    find(h.solution, "Highs_getSolution");
    return h;
}

const Highs& highs() {
    static const Highs loaded = load();
    return loaded;
}

struct Columns {
    std::vector<double> cost, low, high;
    std::vector<int32_t> whole;
};

Columns columns_of(const LinearProblem& problem) {
    Columns c;
    for (const Variable& v : problem.variables) {
        c.cost.push_back(v.cost);
        c.low.push_back(v.low);
        c.high.push_back(v.high);
        c.whole.push_back(v.whole ? kWhole : 0);
    }
    return c;
}

void pass(const Highs& h, void* solver, const LinearProblem& problem) {
    Columns c = columns_of(problem);
    std::vector<double> low, high, factors;
    std::vector<int32_t> starts, indices;
    for (const Row& row : problem.rows) {
        low.push_back(row.low);
        high.push_back(row.high);
        starts.push_back(static_cast<int32_t>(indices.size()));
        for (const Term& t : row.terms) {
            indices.push_back(t.variable);
            factors.push_back(t.factor);
        }
    }
    int32_t result =
        h.pass(solver, static_cast<int32_t>(c.cost.size()), static_cast<int32_t>(low.size()),
               static_cast<int32_t>(indices.size()), kRowwise, kMinimise, 0, c.cost.data(),
               c.low.data(), c.high.data(), low.data(), high.data(), starts.data(), indices.data(),
               factors.data(), c.whole.data());
    SMEATON_CHECK(result >= 0, "HiGHS refuses the problem");
}

Answer answer_of(const Highs& h, void* solver, const LinearProblem& problem) {
    Answer answer;
    const int32_t status = h.status(solver);
    if (status == kInfeasible) {
        answer.ended = Ended::Infeasible;
        return answer;
    }
    h.get_number(solver, "mip_dual_bound", &answer.bound);
    int32_t point = 0;
    h.get_integer(solver, "primal_solution_status", &point);
    if (point != kFeasiblePoint) return answer;
    answer.ended = status == kOptimal ? Ended::Optimal : Ended::Feasible;
    answer.values.resize(problem.variables.size());
    std::vector<double> rows(problem.rows.size());
    h.solution(solver, answer.values.data(), nullptr, rows.data(), nullptr);
    h.get_number(solver, "objective_function_value", &answer.objective);
    const auto whole = [](const Variable& v) { return v.whole; };
    // Without whole variables there is no search, and no bound of one.
    if (std::none_of(problem.variables.begin(), problem.variables.end(), whole))
        answer.bound = answer.ended == Ended::Optimal ? answer.objective : -kUnbounded;
    return answer;
}

}  // namespace

std::string highs_missing() {
    return highs().library.missing;
}

Answer minimise(const LinearProblem& problem, const LinearLimits& limits,
                const std::vector<double>& start) {
    const Highs& h = highs();
    if (!h.library.missing.empty()) throw UserError("HiGHS: {}", h.library.missing);
    SMEATON_CHECK(start.empty() || start.size() == problem.variables.size(), "{} of {} values",
                  start.size(), problem.variables.size());
    void* solver = h.create();
    SMEATON_CHECK(h.integer_bytes(solver) == 4, "HiGHS with integers of {} bytes",
                  h.integer_bytes(solver));
    h.set_flag(solver, "output_flag", 0);
    h.set_integer(solver, "threads", 1);
    h.set_number(solver, "mip_rel_gap", limits.gap);
    h.set_number(solver, "mip_abs_gap", std::max(limits.distance, 1e-7));
    if (limits.time_s) h.set_number(solver, "time_limit", *limits.time_s);
    pass(h, solver, problem);
    if (!start.empty()) h.set_solution(solver, start.data(), nullptr, nullptr, nullptr);
    h.run(solver);
    Answer answer = answer_of(h, solver, problem);
    h.destroy(solver);
    return answer;
}

}  // namespace smeaton::solver
