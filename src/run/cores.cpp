#include "run/cores.h"

#include <fcntl.h>
#include <fmt/core.h>
#include <sched.h>
#include <sys/file.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <map>
#include <mutex>
#include <string>

#include "run/cpu.h"

namespace smeaton::run {

namespace {

struct Registry {
    std::mutex mutex;
    std::map<int, int> lock_of;  ///< core -> descriptor of its lock file, -1 when there is none
};

Registry& registry() {
    static Registry* r =
        new Registry;  // workers of static objects may outlive any destructor order
    return *r;
}

/// A lock that dies with the process. -1: held by another process; -2: there is no place for lock
/// files.
int lock_core(int core) {
    const char* folder = access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp";
    std::string path = fmt::format("{}/smeaton-{}-core{}", folder, getuid(), core);
    int fd = open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0) return -2;
    if (flock(fd, LOCK_EX | LOCK_NB) == 0) return fd;
    close(fd);
    return -1;
}

}  // namespace

int reserve_core() {
    Registry& r = registry();
    std::lock_guard lock(r.mutex);
    std::vector<int> cores = allowed_cores();
    size_t taken = 0;
    for (int core : cores) taken += r.lock_of.count(core);
    int here = sched_getcpu();
    // From the last core down: interrupts and other programs prefer the first ones.
    std::reverse(cores.begin(), cores.end());
    std::stable_partition(cores.begin(), cores.end(), [&](int core) { return core != here; });
    for (int core : cores) {
        if (taken + 1 >= cores.size()) return -1;
        if (r.lock_of.count(core) > 0) continue;
        int fd = lock_core(core);
        if (fd == -1) {
            ++taken;  // another process works there
            continue;
        }
        r.lock_of[core] = fd;
        return core;
    }
    return -1;
}

void release_core(int core) {
    Registry& r = registry();
    std::lock_guard lock(r.mutex);
    auto found = r.lock_of.find(core);
    if (found == r.lock_of.end()) return;
    if (found->second >= 0) close(found->second);
    r.lock_of.erase(found);
}

}  // namespace smeaton::run
