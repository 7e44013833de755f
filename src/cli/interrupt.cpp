#include "cli/interrupt.h"

#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <unistd.h>

#include <cerrno>
#include <fstream>
#include <string>
#include <thread>

#include "base/error.h"
#include "base/output_file.h"
#include "base/staged_folder.h"

namespace smeaton::cli {

namespace {

int signal_pipe[2] = {-1, -1};

void on_signal(int signal) {
    int kept = errno;
    char byte = static_cast<char>(signal);
    [[maybe_unused]] ssize_t n = write(signal_pipe[1], &byte, 1);
    errno = kept;
}

// The compiler's processes get the terminal's Ctrl-C themselves, but not a signal sent to us alone.
void end_children() {
    DIR* tasks = opendir("/proc/self/task");
    if (!tasks) return;
    while (dirent* task = readdir(tasks)) {
        std::ifstream children(std::string("/proc/self/task/") + task->d_name + "/children");
        for (pid_t child; children >> child;) kill(child, SIGTERM);
    }
    closedir(tasks);
}

void wait_for_signal() {
    char byte = 0;
    while (read(signal_pipe[0], &byte, 1) != 1) {
    }
    end_children();
    remove_unfinished_files();
    remove_staged_folders();
    static constexpr char kText[] = "\nsmeaton: interrupted\n";
    [[maybe_unused]] ssize_t n = write(2, kText, sizeof kText - 1);
    _exit(128 + byte);
}

}  // namespace

void end_cleanly_on_interrupt() {
    if (pipe2(signal_pipe, O_CLOEXEC) != 0) throw UserError("no pipe: too many open files");
    std::thread(wait_for_signal).detach();
    struct sigaction action = {};
    action.sa_handler = on_signal;
    action.sa_flags = SA_RESTART;
    sigaction(SIGINT, &action, nullptr);
    sigaction(SIGTERM, &action, nullptr);
}

}  // namespace smeaton::cli
