#include "run/compile.h"

#include <dlfcn.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <map>
#include <mutex>

#include "base/error.h"
#include "run/cache.h"
#include "run/cpu.h"
#include "run/process.h"

namespace smeaton::run {

namespace fs = std::filesystem;

namespace {

std::string read_text(const std::string& path) {
    std::ifstream in(path, std::ios::binary);
    return {std::istreambuf_iterator<char>(in), {}};
}

std::string find_compiler(const std::string& wanted) {
    if (!wanted.empty()) {
        std::string path = wanted.find('/') == std::string::npos ? find_program(wanted) : wanted;
        if (path.empty() || access(path.c_str(), X_OK) != 0)
            throw UserError("the C++ compiler {} was not found", wanted);
        return path;
    }
    for (const char* name : {"g++", "clang++", "c++"})
        if (std::string path = find_program(name); !path.empty()) return path;
    throw UserError(
        "no C++ compiler on PATH (looked for g++, clang++, c++): install one, for example with "
        "'apt-get install g++'");
}

/// First line of --version, asked once per compiler and process.
std::string compiler_version(const std::string& compiler, const std::string& folder) {
    static std::mutex mutex;
    static std::map<std::string, std::string> known;
    std::lock_guard lock(mutex);
    auto [at, fresh] = known.try_emplace(compiler);
    if (fresh) {
        std::string log = fmt::format("{}/.version-{}", folder, getpid());
        run_commands({{{compiler, "--version"}, log}}, 1);
        at->second = read_text(log).substr(0, 200);
        unlink(log.c_str());
        if (at->second.empty()) {
            known.erase(at);
            throw UserError("the C++ compiler {} does not run", compiler);
        }
    }
    return at->second;
}

/// A folder for one compilation, removed at its end.
struct BuildFolder {
    std::string path;
    explicit BuildFolder(const std::string& cache) {
        static std::atomic<int> number{0};
        path = fmt::format("{}/build-{}-{}", cache, getpid(), number++);
        std::error_code error;
        fs::create_directories(path, error);
        if (error)
            throw UserError("cannot write to the cache folder {}: {}", cache, error.message());
    }
    ~BuildFolder() {
        std::error_code ignored;
        fs::remove_all(path, ignored);
    }
};

void compile_units(const std::vector<std::string>& sources, const std::string& compiler,
                   const CompileOptions& options, const std::string& folder) {
    std::vector<Command> commands;
    for (size_t i = 0; i < sources.size(); ++i) {
        std::string stem = fmt::format("{}/unit{}", folder, i);
        std::ofstream out(stem + ".cpp", std::ios::binary);
        out << sources[i];
        out.close();
        if (!out) throw UserError("cannot write {}.cpp: is the disk full?", stem);
        Command command{{compiler}, stem + ".log"};
        command.arguments.insert(command.arguments.end(), options.flags.begin(),
                                 options.flags.end());
        for (const std::string& a :
             {std::string("-c"), std::string("-o"), stem + ".o", stem + ".cpp"})
            command.arguments.push_back(a);
        commands.push_back(std::move(command));
    }
    int jobs = options.jobs > 0 ? options.jobs : usable_cores();
    auto tell = [&](size_t done) {
        if (options.progress)
            options.progress(static_cast<double>(done) / static_cast<double>(sources.size() + 1));
    };
    tell(0);
    std::vector<int> status = run_commands(commands, jobs, tell);
    for (size_t i = 0; i < status.size(); ++i) {
        if (status[i] == 0) continue;
        std::string log = read_text(commands[i].log_path).substr(0, 4000);
        if (status[i] == 128 + 2) throw UserError("compiling was interrupted");
        if (status[i] == 128 + 9)
            throw UserError("the compiler was killed: not enough memory?\n{}", log);
        throw InternalError(fmt::format("{} does not compile generated code (status {}):\n{}",
                                        compiler, status[i], log));
    }
}

/// The linker by itself takes a few milliseconds; where that does not work, through the compiler.
void link_units(size_t units, const std::string& compiler, const std::string& folder,
                const std::string& target) {
    std::vector<std::string> objects;
    for (size_t i = 0; i < units; ++i) objects.push_back(fmt::format("{}/unit{}.o", folder, i));
    auto attempt = [&](std::vector<std::string> arguments) {
        arguments.insert(arguments.end(), objects.begin(), objects.end());
        arguments.push_back("-lm");
        return run_commands({{arguments, folder + "/link.log"}}, 1)[0] == 0;
    };
    std::string ld = find_program("ld");
    if (!ld.empty() && attempt({ld, "-shared", "-z", "noexecstack", "-o", target})) return;
    if (attempt({compiler, "-shared", "-o", target})) return;
    throw UserError("linking compiled kernels with {} failed:\n{}", compiler,
                    read_text(folder + "/link.log").substr(0, 2000));
}

bool mounted_noexec(const std::string& folder) {
    struct statvfs info;
    return statvfs(folder.c_str(), &info) == 0 && (info.f_flag & ST_NOEXEC) != 0;
}

}  // namespace

Library::~Library() {
    if (handle_) dlclose(handle_);
}

void* Library::symbol(const std::string& name) const {
    void* address = dlsym(handle_, name.c_str());
    SMEATON_CHECK(address != nullptr, "{} has no function {}", path, name);
    return address;
}

std::shared_ptr<Library> compile_cached(const std::vector<std::string>& sources,
                                        const CompileOptions& options) {
    auto start = std::chrono::steady_clock::now();
    std::string folder =
        options.cache_folder.empty() ? default_cache_folder() : options.cache_folder;
    make_cache_folder(folder);
    if (mounted_noexec(folder))
        throw UserError(
            "the cache folder {} is on a file system mounted noexec, so compiled kernels cannot be "
            "loaded from it; set XDG_CACHE_HOME to another folder",
            folder);
    std::string compiler = find_compiler(options.compiler);
    std::string key = compiler_version(compiler, folder) + "\n" + cpu_identity() + "\n";
    for (const std::string& f : options.flags) key += f + " ";
    for (const std::string& s : sources) key += fmt::format("\n{}\n", s.size()) + s;
    std::shared_ptr<Library> library(new Library());
    library->path = folder + "/" + digest(key) + ".so";
    auto load = [&] {
        return library->handle_ = dlopen(library->path.c_str(), RTLD_NOW | RTLD_LOCAL);
    };
    if (seal_holds(library->path) && load()) {
        library->from_cache = true;
        touch(library->path);
    } else {
        BuildFolder build(folder);
        compile_units(sources, compiler, options, build.path);
        std::string linked = build.path + "/linked.so";
        link_units(sources.size(), compiler, build.path, linked);
        seal_and_move(linked, library->path);
        if (!load()) {
            const char* why = dlerror();
            throw UserError(
                "compiled kernels in {} cannot be loaded: {}; if the folder forbids execution, set "
                "XDG_CACHE_HOME to another one",
                folder, why ? why : "unknown reason");
        }
        trim_cache(folder, options.cache_cap_bytes);
        if (options.progress) options.progress(1.0);
    }
    library->seconds =
        std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
    return library;
}

}  // namespace smeaton::run
