// Source text to loaded code: the system's compiler, in parallel, behind a cache of its results.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "run/plan.h"

namespace smeaton::run {

struct CompileOptions {
    std::vector<std::string> flags;
    std::string cache_folder;  ///< empty: default_cache_folder()
    std::string label;         ///< what it is for, kept beside the library; empty: nothing is
    std::string compiler;      ///< path or name; empty: g++, else clang++, else c++
    int jobs = 0;              ///< 0: as many as this process may use cores
    int64_t cache_cap_bytes = int64_t{2} << 30;
    std::function<void()> poll;  ///< asked while compilers run; what it throws ends them
    std::function<void(double fraction)> progress;  ///< called only when something is compiled
};

/// A loaded shared library; unloaded with the last reference.
class Library {
public:
    ~Library();
    Library(const Library&) = delete;
    Library& operator=(const Library&) = delete;
    /// Address of an exported function; InternalError when there is none.
    void* symbol(const std::string& name) const;
    KernelFunction function(const std::string& name) const {
        return reinterpret_cast<KernelFunction>(symbol(name));
    }

    std::string path;
    bool from_cache = false;
    double seconds = 0;  ///< compiling (0 from the cache), linking and loading

private:
    friend struct Loader;
    Library() = default;
    void* handle_ = nullptr;
};

/// Compiles each source as one translation unit, links them, loads the result. The cache's key is
/// the sources, the flags, the compiler's version and this CPU's features. UserError when there is
/// no compiler, or the cache folder cannot be written or does not allow execution.
std::shared_ptr<Library> compile_cached(const std::vector<std::string>& sources,
                                        const CompileOptions&);
/// What compile_cached has in the cache; null where it would have to compile.
std::shared_ptr<Library> load_cached(const std::vector<std::string>& sources,
                                     const CompileOptions&);
/// The same without the cache: nothing is looked up, and nothing but what is loaded stays.
std::shared_ptr<Library> compile_uncached(const std::vector<std::string>& sources,
                                          const CompileOptions&);

/// The first line of what the compiler's --version says; of the one that last filled the cache
/// folder where none is installed; empty where neither is there.
std::string compiler_text(const CompileOptions&);

}  // namespace smeaton::run
