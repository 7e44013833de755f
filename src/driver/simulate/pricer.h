// One model priced on many machines: what no machine changes is worked out once, and what a
// machine with other capacities would not change is kept.
#pragma once

#include <list>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "base/workers.h"
#include "driver/kernel_class.h"
#include "driver/simulate/kernel_prices.h"
#include "driver/simulate/simulate.h"
#include "gir/program.h"
#include "gir/rewrite/engine.h"
#include "gir/rewrite/kept.h"
#include "gir/rewrite/rules.h"
#include "sim/simulate.h"

namespace smeaton::driver {

class Pricer {
public:
    /// Runs the stages up to `lower`. UserError as simulate_model.
    Pricer(const model::Graph&, const std::map<std::string, Tensor>& feeds, const SessionOptions&);

    /// As simulate_model on this machine, figure for figure, whatever was priced before. Of the
    /// machines before it keeps a bounded part, so that any number may come.
    SimulateResult price(const machine::Machine&, const SimulateOptions& = {});
    /// The same without the rows of a report.
    sim::ProgramCost cost(const machine::Machine&, const SimulateOptions& = {});

    /// Microseconds that cost() says no less than, once `enough_us` are reached no more; most often
    /// all but the time of borders. 0 for a machine with caches.
    double least_us(const machine::Machine&, double enough_us);

    /// What a kernel of a program that was priced is to the model.
    KernelClass class_of(const cost::KernelCost& kernel) const { return classes_->of(kernel.ops); }
    /// Kernels of one machine are worked on by all of these; null: by the thread that asks. Figures
    /// are the same. For whoever prices a few machines on a computer that is otherwise idle.
    void use(std::shared_ptr<Workers> workers) { workers_ = std::move(workers); }
    /// Once so many bytes are kept of machines before, those are dropped that the last ones did not
    /// ask for.
    void keep(double bytes) { most_bytes_ = bytes; }
    /// More than models come to: of DenseNet-121 300 machines with caches leave 0.4 GB, of
    /// ResNet-18 10,000 leave 0.17. With half of what a model comes to, the next machine takes 1.15
    /// times as long.
    static constexpr double kMostBytes = 2e9;
    double kept_bytes() const;  ///< gir::KeptSize
    /// One that has priced nothing yet, for another thread, without workers.
    Pricer another() const;
    /// The model's program as no machine has changed it yet.
    const gir::Program& lowered() const { return lowered_; }

private:
    /// A program fused and laid out, and what rewrites made of its kernels.
    struct Shape {
        explicit Shape(gir::Program p) : program(std::move(p)), kernels(program) {}

        gir::Program program;
        gir::rewrite::KeptKernels kernels;
    };
    /// The same on machines of one family, and what its kernels take.
    struct Costed {
        explicit Costed(std::shared_ptr<Shape> of) : shape(std::move(of)), models(shape->program) {
            models.twins = &shape->kernels.twins;
        }

        std::shared_ptr<Shape> shape;
        sim::KeptModels models;
        std::vector<KernelPrices::Group> groups = {};  ///< least_us's, made when first asked for
        int64_t turn = 0;  ///< of the pricer's, when it was asked for last
    };
    /// For which numbers of a target and answers a shape comes out.
    struct Outcome {
        gir::KeptRegion region = gir::Region();
        std::vector<gir::rewrite::Question> questions = {};
        std::shared_ptr<Shape> shape = nullptr;  ///< one where programs are the same

        void measure(gir::KeptSize&) const;  ///< once, whoever has it
    };
    /// Machines of the same levels, but for how large and how fast these are. What rewrites ask for
    /// besides is noted (gir::numbers_of), but for the oracle's answers, which are a family's.
    struct Structure {
        std::string like;
        std::list<std::shared_ptr<const Outcome>> outcomes = {};  ///< the most recent first
        std::shared_ptr<gir::rewrite::KeptForms> forms =
            std::make_shared<gir::rewrite::KeptForms>();
    };
    /// An outcome on the machines of one family.
    struct Shaped {
        std::shared_ptr<const Outcome> outcome;
        /// By question: for which numbers its answer is known to be the same.
        std::vector<std::vector<gir::KeptRegion>> answered = {};
        std::vector<gir::KeptRegion> known = {};   ///< for which it is known to come out
        std::shared_ptr<Costed> costed = nullptr;  ///< null: it has not come out yet
    };
    /// Machines that differ in capacities alone.
    struct Family {
        machine::Machine like;
        int threads = 0;
        double number = 0;  ///< of its oracle, among all
        std::shared_ptr<gir::rewrite::KeptPrices> prices = nullptr;
        std::list<Shaped> shaped = {};  ///< the most recently used first
        KernelPrices kernels = {};
    };
    /// What a machine asks for.
    struct Prepared {
        gir::Target target;
        gir::rewrite::Rules rules;
        Structure& structure;
        Family& family;
        Costed& costed;
    };

    Pricer() = default;
    /// What simulates the model on the machine: its program, and what is kept of its kernels.
    template <class Simulate>
    auto simulated(const machine::Machine&, const SimulateOptions&, Simulate);
    Prepared prepared(const machine::Machine&, const SimulateOptions&);
    static bool comes_out(Shaped&, const std::vector<double>& numbers, const gir::rewrite::Rules&);
    Family& family_of(const machine::Machine&, const SimulateOptions&, const Structure&);
    Structure& structure_of(const gir::Target&);
    std::shared_ptr<const Outcome> shaped_on(Structure&, const gir::Target&,
                                             const gir::rewrite::Rules&) const;
    Costed& costed_for(Structure&, Family&, const gir::Target&, const gir::rewrite::Rules&);
    void keep_bounded();
    void turn();

    gir::Program lowered_;
    gir::rewrite::Rules rules_;
    std::shared_ptr<const KernelClasses> classes_;
    std::vector<std::string> warnings_;
    std::shared_ptr<Workers> workers_;
    std::list<Family> families_;       ///< the most recently used first
    std::list<Structure> structures_;  ///< the same
    double families_so_far_ = 0;
    double most_bytes_ = kMostBytes;
    int64_t turns_ = 0;
    int64_t since_turn_ = 0, next_look_ = 32;  ///< machines
};

}  // namespace smeaton::driver
