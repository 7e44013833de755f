#include "run/compile.h"

#include <dlfcn.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <algorithm>
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

constexpr size_t kLogShown = 4000;

std::string read_text(const std::string& path) {
    std::ifstream in(path, std::ios::binary);
    return {std::istreambuf_iterator<char>(in), {}};
}

/// Empty where there is none.
std::string find_compiler(const std::string& wanted) {
    if (!wanted.empty()) {
        std::string path = wanted.find('/') == std::string::npos ? find_program(wanted) : wanted;
        if (path.empty() || access(path.c_str(), X_OK) != 0)
            throw UserError("the C++ compiler {} was not found", wanted);
        return path;
    }
    for (const char* name : {"g++", "clang++", "c++"})
        if (std::string path = find_program(name); !path.empty()) return path;
    return "";
}

[[noreturn]] void fail_without_compiler() {
    throw UserError(
        "no C++ compiler on PATH (looked for g++, clang++, c++): install one, for example with "
        "'apt-get install g++'");
}

constexpr char kLineEnd = '\x1f';  // inside of a version

/// Versions of the compilers that made what lies in a cache folder, a line each: what they made
/// runs where none is installed.
std::string versions_file(const std::string& folder) {
    return folder + "/compilers";
}

std::vector<std::string> known_versions(const std::string& folder) {
    std::vector<std::string> versions;
    std::ifstream in(versions_file(folder));
    for (std::string line; std::getline(in, line);) {
        std::replace(line.begin(), line.end(), kLineEnd, '\n');
        versions.push_back(line);
    }
    return versions;
}

void note_version(const std::string& folder, const std::string& version) {
    for (const std::string& known : known_versions(folder))
        if (known == version) return;
    std::string line = version;
    std::replace(line.begin(), line.end(), '\n', kLineEnd);
    std::ofstream(versions_file(folder), std::ios::app) << line + "\n";
}

/// The beginning of what --version says, asked once per compiler and process.
std::string compiler_version(const std::string& compiler, const std::string& folder) {
    static std::mutex mutex;
    static std::map<std::string, std::string> known;
    std::lock_guard lock(mutex);
    auto [at, fresh] = known.try_emplace(compiler);
    if (fresh) {
        std::string log = fmt::format("{}/.version-{}", folder, getpid());
        const Ended ended = run_commands_twice({{{compiler, "--version"}, log}}, 1)[0];
        const std::string said = read_text(log);
        unlink(log.c_str());
        if (!ended.well() || said.empty()) {
            known.erase(at);
            throw UserError("the C++ compiler {} does not run ({} --version): {}{}{}", compiler,
                            compiler, describe(ended), said.empty() ? "" : "\n",
                            last_lines(said, kLogShown));
        }
        at->second = said.substr(0, 200);
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
    const std::vector<Ended> ended = run_commands_twice(commands, jobs, {tell, options.poll});
    for (size_t i = 0; i < ended.size(); ++i) {
        if (ended[i].well()) continue;
        if (ended[i].interrupted()) {
            if (options.poll) options.poll();  // the caller's own way of saying so
            throw UserError("compiling was interrupted");
        }
        const std::string log = last_lines(read_text(commands[i].log_path), kLogShown);
        if (ended[i].error != 0 || ended[i].status > 128)
            throw UserError(
                "the C++ compiler {} ended badly twice: {}; not enough memory or processes?\n{}",
                compiler, describe(ended[i]), log);
        throw InternalError(fmt::format("{} does not compile generated code ({}):\n{}", compiler,
                                        describe(ended[i]), log));
    }
}

/// The linker by itself takes a few milliseconds; where that does not work, through the compiler.
void link_units(size_t units, const std::string& compiler, const std::string& folder,
                const std::string& target) {
    std::vector<std::string> objects;
    Ended ended;
    for (size_t i = 0; i < units; ++i) objects.push_back(fmt::format("{}/unit{}.o", folder, i));
    auto attempt = [&](std::vector<std::string> arguments) {
        arguments.insert(arguments.end(), objects.begin(), objects.end());
        arguments.push_back("-lm");
        ended = run_commands_twice({{arguments, folder + "/link.log"}}, 1)[0];
        return ended.well();
    };
    std::string ld = find_program("ld");
    if (!ld.empty() && attempt({ld, "-shared", "-z", "noexecstack", "-o", target})) return;
    if (attempt({compiler, "-shared", "-o", target})) return;
    throw UserError("linking compiled kernels with {} failed: {}\n{}", compiler, describe(ended),
                    last_lines(read_text(folder + "/link.log"), kLogShown));
}

std::string key_of(const std::string& version, const std::vector<std::string>& sources,
                   const CompileOptions& options) {
    std::string key = version + "\n" + cpu_identity() + "\n";
    for (const std::string& f : options.flags) key += f + " ";
    for (const std::string& s : sources) key += fmt::format("\n{}\n", s.size()) + s;
    return key;
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

std::string compiler_text(const CompileOptions& options) {
    std::string folder =
        options.cache_folder.empty() ? default_cache_folder() : options.cache_folder;
    make_cache_folder(folder);
    const std::string compiler = find_compiler(options.compiler);
    const std::vector<std::string> known = known_versions(folder);
    const std::string text = !compiler.empty() ? compiler_version(compiler, folder)
                             : known.empty()   ? ""
                                               : known.back();
    return text.substr(0, text.find('\n'));
}

// Opens what was compiled.
struct Loader {
    std::chrono::steady_clock::time_point start = std::chrono::steady_clock::now();

    /// Null where it cannot be loaded.
    std::shared_ptr<Library> open(const std::string& path) const {
        std::shared_ptr<Library> library(new Library());
        library->path = path;
        library->handle_ = dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL);
        if (!library->handle_) return nullptr;
        library->seconds =
            std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
        return library;
    }

    std::shared_ptr<Library> open_new(const std::string& path, const std::string& folder) const {
        if (std::shared_ptr<Library> library = open(path)) return library;
        const char* why = dlerror();
        throw UserError(
            "compiled kernels in {} cannot be loaded: {}; if the folder forbids execution, set "
            "XDG_CACHE_HOME to another one",
            folder, why ? why : "unknown reason");
    }
};

namespace {

// Where compilers work and what they make is kept.
struct Site {
    std::string folder, compiler;       // compiler: empty where there is none
    std::vector<std::string> versions;  // whose work may lie in the folder; the compiler's first

    explicit Site(const CompileOptions& options)
        : folder(options.cache_folder.empty() ? default_cache_folder() : options.cache_folder) {
        make_cache_folder(folder);
        if (mounted_noexec(folder))
            throw UserError(
                "the cache folder {} is on a file system mounted noexec, so compiled kernels "
                "cannot be loaded from it; set XDG_CACHE_HOME to another folder",
                folder);
        compiler = find_compiler(options.compiler);
        versions = compiler.empty() ? known_versions(folder)
                                    : std::vector<std::string>{compiler_version(compiler, folder)};
    }
    std::string path_of(const std::string& version, const std::vector<std::string>& sources,
                        const CompileOptions& options) const {
        return folder + "/" + digest(key_of(version, sources, options)) + ".so";
    }
};

std::shared_ptr<Library> load_from(const Site& site, const std::vector<std::string>& sources,
                                   const CompileOptions& options, const Loader& loader) {
    for (const std::string& version : site.versions) {
        const std::string path = site.path_of(version, sources, options);
        if (!seal_holds(path)) continue;
        std::shared_ptr<Library> library = loader.open(path);
        if (!library) continue;
        library->from_cache = true;
        touch(path);
        if (!options.label.empty()) set_label(path, options.label);
        return library;
    }
    return nullptr;
}

/// Compiles and links in the folder; gives the path of what it made there.
std::string build_in(const BuildFolder& build, const Site& site,
                     const std::vector<std::string>& sources, const CompileOptions& options) {
    if (site.compiler.empty()) fail_without_compiler();
    compile_units(sources, site.compiler, options, build.path);
    std::string linked = build.path + "/linked.so";
    link_units(sources.size(), site.compiler, build.path, linked);
    return linked;
}

}  // namespace

std::shared_ptr<Library> load_cached(const std::vector<std::string>& sources,
                                     const CompileOptions& options) {
    const Loader loader;
    return load_from(Site(options), sources, options, loader);
}

std::shared_ptr<Library> compile_cached(const std::vector<std::string>& sources,
                                        const CompileOptions& options) {
    const Loader loader;
    const Site site(options);
    if (std::shared_ptr<Library> library = load_from(site, sources, options, loader))
        return library;
    const BuildFolder build(site.folder);
    const std::string linked = build_in(build, site, sources, options);
    const std::string path = site.path_of(site.versions[0], sources, options);
    seal_and_move(linked, path);
    std::shared_ptr<Library> library = loader.open_new(path, site.folder);
    note_version(site.folder, site.versions[0]);
    trim_cache(site.folder, options.cache_cap_bytes);
    if (options.progress) options.progress(1.0);
    if (!options.label.empty()) set_label(path, options.label);
    return library;
}

std::shared_ptr<Library> compile_uncached(const std::vector<std::string>& sources,
                                          const CompileOptions& options) {
    const Loader loader;
    const Site site(options);
    const BuildFolder build(site.folder);  // what is loaded outlives its file
    return loader.open_new(build_in(build, site, sources, options), site.folder);
}

}  // namespace smeaton::run
