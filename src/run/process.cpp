#include "run/process.h"

#include <fcntl.h>
#include <fmt/core.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstdlib>
#include <cstring>
#include <thread>

extern char** environ;

namespace smeaton::run {

std::string find_program(const std::string& name) {
    const char* path = std::getenv("PATH");
    std::string folders = path ? path : "/usr/bin:/bin";
    for (size_t at = 0; at <= folders.size();) {
        size_t end = std::min(folders.find(':', at), folders.size());
        std::string file = folders.substr(at, end - at) + "/" + name;
        if (end > at && access(file.c_str(), X_OK) == 0) return file;
        at = end + 1;
    }
    return "";
}

static pid_t start(const Command& command, Ended& ended) {
    std::vector<char*> argv;
    for (const std::string& a : command.arguments) argv.push_back(const_cast<char*>(a.c_str()));
    argv.push_back(nullptr);
    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_addopen(&actions, 1, command.log_path.c_str(),
                                     O_WRONLY | O_CREAT | O_TRUNC, 0644);
    posix_spawn_file_actions_adddup2(&actions, 1, 2);
    posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0);
    pid_t pid = -1;
    ended.error = posix_spawn(&pid, argv[0], &actions, nullptr, argv.data(), environ);
    posix_spawn_file_actions_destroy(&actions);
    return ended.error != 0 ? -1 : pid;
}

static void wait_for(pid_t pid, Ended& ended, const std::function<void()>& poll) {
    constexpr std::chrono::milliseconds kBetweenPolls{20};
    int status = 0;
    for (;;) {
        const pid_t got = waitpid(pid, &status, poll ? WNOHANG : 0);
        if (got == pid) break;
        if (got < 0 && errno != EINTR) {
            ended.error = errno;
            return;
        }
        if (!poll) continue;
        poll();
        std::this_thread::sleep_for(kBetweenPolls);
    }
    ended.status = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

using Running = std::vector<std::pair<size_t, pid_t>>;

static void end_all(const Running& running) {
    for (const auto& [index, pid] : running)
        if (pid > 0) kill(pid, SIGTERM);
    Ended ignored;
    for (const auto& [index, pid] : running)
        if (pid > 0) wait_for(pid, ignored, {});
}

std::string describe(const Ended& ended) {
    if (ended.error != 0)
        return fmt::format("it cannot be run: {} (errno {})", std::strerror(ended.error),
                           ended.error);
    if (ended.status > 128)
        return fmt::format("signal {} ({})", ended.status - 128, strsignal(ended.status - 128));
    return fmt::format("exit status {}", ended.status);
}

std::string last_lines(const std::string& text, size_t bytes) {
    if (text.size() <= bytes) return text;
    const size_t cut = text.size() - bytes, line = text.find('\n', cut);
    return "...\n" + text.substr(line == std::string::npos ? cut : line + 1);
}

std::vector<Ended> run_commands(const std::vector<Command>& commands, int jobs,
                                const Watch& watch) {
    // Children are waited for in the order they were started, by their own ids: the process may
    // have others. With commands of like size nothing is lost by that.
    std::vector<Ended> ended(commands.size());
    Running running;
    size_t next = 0, done = 0;
    while (done < commands.size()) {
        while (next < commands.size() && running.size() < static_cast<size_t>(std::max(1, jobs))) {
            pid_t pid = start(commands[next], ended[next]);
            running.push_back({next++, pid});
        }
        auto [index, pid] = running.front();
        try {
            if (pid > 0) wait_for(pid, ended[index], watch.poll);
        } catch (...) {
            end_all(running);
            throw;
        }
        running.erase(running.begin());
        ++done;
        if (watch.finished) watch.finished(done);
    }
    return ended;
}

std::vector<Ended> run_commands_twice(const std::vector<Command>& commands, int jobs,
                                      const Watch& watch) {
    std::vector<Ended> ended = run_commands(commands, jobs, watch);
    for (const Ended& e : ended)
        if (e.interrupted()) return ended;
    for (size_t i = 0; i < commands.size(); ++i) {
        if (ended[i].well()) continue;
        std::this_thread::sleep_for(std::chrono::milliseconds(50));
        ended[i] = run_commands({commands[i]}, 1, {{}, watch.poll})[0];
    }
    return ended;
}

}  // namespace smeaton::run
