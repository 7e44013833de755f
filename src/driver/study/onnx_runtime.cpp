#include "driver/study/onnx_runtime.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdlib>
#include <filesystem>

#include "base/error.h"
#include "base/output_file.h"
#include "base/temporary_folder.h"
#include "driver/study/onnx_runtime_script.h"
#include "run/process.h"
#include "tensor/npy.h"

extern char** environ;

namespace smeaton::driver {

namespace {

namespace fs = std::filesystem;

constexpr int kStartSeconds = 120, kTurnSeconds = 60;
constexpr double kTurn = 0.01;  // shorter calls are repeated within a turn

std::string python() {
    if (const char* wanted = std::getenv("SMEATON_PYTHON")) return wanted;
    std::error_code ignored;
    fs::path venv = fs::read_symlink("/proc/self/exe", ignored).parent_path().parent_path() /
                    ".venv/bin/python";
    if (access(venv.c_str(), X_OK) == 0) return venv;
    return run::find_program("python3");
}

// A child that answers lines with lines.
class Peer {
public:
    explicit Peer(std::vector<std::string> arguments) {
        int to[2], from[2];
        if (pipe2(to, O_CLOEXEC) != 0 || pipe2(from, O_CLOEXEC) != 0)
            throw UserError("no pipe: too many open files");
        std::vector<char*> argv;
        for (std::string& a : arguments) argv.push_back(a.data());
        argv.push_back(nullptr);
        posix_spawn_file_actions_t actions;
        posix_spawn_file_actions_init(&actions);
        posix_spawn_file_actions_adddup2(&actions, to[0], 0);
        posix_spawn_file_actions_adddup2(&actions, from[1], 1);
        posix_spawn_file_actions_addopen(&actions, 2, "/dev/null", O_WRONLY, 0);
        if (posix_spawn(&pid_, argv[0], &actions, nullptr, argv.data(), environ) != 0) pid_ = -1;
        posix_spawn_file_actions_destroy(&actions);
        close(to[0]);
        close(from[1]);
        to_ = to[1];
        from_ = from[0];
    }
    ~Peer() {
        close(to_);
        close(from_);
        if (pid_ <= 0) return;
        kill(pid_, SIGKILL);
        while (waitpid(pid_, nullptr, 0) < 0 && errno == EINTR) {
        }
    }
    Peer(const Peer&) = delete;
    Peer& operator=(const Peer&) = delete;

    /// The next line; empty when the child ended or took too long.
    std::string answer(int seconds) {
        std::string line;
        auto end = std::chrono::steady_clock::now() + std::chrono::seconds(seconds);
        for (char c = 0;;) {
            auto left = std::chrono::duration_cast<std::chrono::milliseconds>(
                end - std::chrono::steady_clock::now());
            pollfd ready = {from_, POLLIN, 0};
            if (left.count() <= 0 || poll(&ready, 1, static_cast<int>(left.count())) <= 0)
                return "";
            if (read(from_, &c, 1) != 1) return "";
            if (c == '\n') return line;
            line += c;
        }
    }
    std::string ask(const std::string& line, int seconds) {
        std::string text = line + "\n";
        if (write(to_, text.data(), text.size()) != static_cast<ssize_t>(text.size())) return "";
        return answer(seconds);
    }

private:
    pid_t pid_ = -1;
    int to_ = -1, from_ = -1;
};

double our_turn(Session& session, const std::map<std::string, Tensor>& feeds, int calls) {
    session.run(feeds);
    auto begin = std::chrono::steady_clock::now();
    for (int i = 0; i < calls; ++i) session.run(feeds);
    std::chrono::duration<double> took = std::chrono::steady_clock::now() - begin;
    return took.count() / calls;
}

double their_turn(Peer& peer, int calls) {
    std::string answer = peer.ask(fmt::format("turn {}", calls), kTurnSeconds);
    return answer.empty() ? 0 : std::atof(answer.c_str());
}

int calls_for(double seconds) {
    return std::clamp(static_cast<int>(std::ceil(kTurn / std::max(seconds, 1e-9))), 1, 1000);
}

void race(Session& session, const std::map<std::string, Tensor>& feeds, Peer& peer, int turns,
          PeerComparison& result) {
    int ours = calls_for(our_turn(session, feeds, 1));
    double first = their_turn(peer, 1);
    int theirs = calls_for(first > 0 ? first : kTurn);
    std::vector<double> our_ms, their_ms, ratios;
    for (int i = 0; i < turns; ++i) {
        double a = 0, b = 0;
        if (i % 2 == 0) a = our_turn(session, feeds, ours);
        b = their_turn(peer, theirs);
        if (i % 2 == 1) a = our_turn(session, feeds, ours);
        if (b <= 0) {
            result.skipped = "ONNX Runtime stopped answering";
            return;
        }
        our_ms.push_back(a * 1e3);
        their_ms.push_back(b * 1e3);
        ratios.push_back(a / b);
    }
    result.ours_ms = latency_of(our_ms);
    result.theirs_ms = latency_of(their_ms);
    std::sort(ratios.begin(), ratios.end());
    result.ratio = ratios[ratios.size() / 2];
    result.ratio_low = ratios[ratios.size() / 4];
    result.ratio_high = ratios[ratios.size() * 3 / 4];
    result.turns = turns;
    result.ran = true;
}

void compare_outputs(Session& session, const std::map<std::string, Tensor>& feeds, Peer& peer,
                     const std::string& folder, PeerComparison& result) {
    std::string count = peer.ask("outputs", kTurnSeconds);
    std::vector<Tensor> outputs = session.run(feeds);
    for (int i = 0; i < std::atoi(count.c_str()) && i < static_cast<int>(outputs.size()); ++i) {
        auto at = static_cast<size_t>(i);
        Tensor theirs = tensor::read_npy(fmt::format("{}/out_{}.npy", folder, i));
        result.outputs.push_back(
            compare(session.outputs()[at].name, outputs[at], theirs, "ONNX Runtime"));
    }
}

}  // namespace

PeerComparison compare_with_onnx_runtime(Session& session, const std::string& model,
                                         const std::map<std::string, Tensor>& feeds, int turns) {
    PeerComparison result;
    std::string interpreter = python();
    if (interpreter.empty()) {
        result.skipped = "there is no python3 on PATH";
        return result;
    }
    const TemporaryFolder exchange;
    int index = 0;
    for (const PortInfo& port : session.inputs()) {
        const Tensor& fed = feeds.at(port.name);
        if (fed.dtype() == tensor::DType::kBF16) {
            result.skipped = "NumPy has no bf16, which an input is";
            return result;
        }
        write_file(fmt::format("{}/in_{}.npy", exchange.path, index++), tensor::npy_bytes(fed));
    }
    // A child that ends early must not end us as we write to it.
    signal(SIGPIPE, SIG_IGN);
    Peer peer({interpreter, "-c", kOnnxRuntimeScript, model, std::to_string(session.threads()),
               exchange.path});
    std::string ready = peer.answer(kStartSeconds);
    if (!ready.starts_with("ready ")) {
        result.skipped =
            ready.starts_with("absent ")
                ? fmt::format("{} cannot import it ({})", interpreter, ready.substr(7))
                : fmt::format("ONNX Runtime under {} could not run this model", interpreter);
        return result;
    }
    result.version = ready.substr(6);
    race(session, feeds, peer, turns, result);
    if (result.ran) compare_outputs(session, feeds, peer, exchange.path, result);
    return result;
}

}  // namespace smeaton::driver
