#include "backend/cuda/runtime/shared_library.h"

#include <dlfcn.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <sstream>
#include <system_error>

#include "core/error.h"

namespace wishbone::cuda {
namespace {

namespace fs = std::filesystem;

std::string environment(const std::string& name) {
    const char* value = std::getenv(name.c_str());
    return value != nullptr ? value : "";
}

/// Entries of a folder whose names begin like this, newest-looking first. A missing folder has none.
std::vector<fs::path> entries(const fs::path& folder, const std::string& beginning) {
    std::vector<fs::path> found;
    std::error_code error;
    for (fs::directory_iterator it(folder, error), end; !error && it != end; it.increment(error))
        if (it->path().filename().string().starts_with(beginning)) found.push_back(it->path());
    std::ranges::sort(found, std::greater<>());
    return found;
}

/// Folders where NVIDIA's wheels keep libraries, for a Python installed under `prefix`.
void add_wheels(const fs::path& prefix, const std::vector<std::string>& wheels,
                std::vector<fs::path>& folders) {
    for (const char* lib : {"lib", "lib64", "local/lib"})
        for (const fs::path& python : entries(prefix / lib, "python3"))
            for (const char* packages : {"site-packages", "dist-packages"})
                for (const std::string& wheel : wheels) folders.push_back(python / packages / wheel);
}

/// Folders that may hold the library, in the order they are tried.
std::vector<fs::path> usual_folders(const std::vector<std::string>& wheels) {
    std::vector<fs::path> folders;
    for (const char* name : {"CUDA_HOME", "CUDA_PATH"})
        if (const std::string home = environment(name); !home.empty())
            for (const char* lib : {"lib64", "lib", "targets/x86_64-linux/lib"})
                folders.push_back(fs::path(home) / lib);
    for (const fs::path& toolkit : entries("/usr/local", "cuda"))
        for (const char* lib : {"lib64", "targets/x86_64-linux/lib"}) folders.push_back(toolkit / lib);
    for (const char* name : {"VIRTUAL_ENV", "CONDA_PREFIX"})
        if (const std::string prefix = environment(name); !prefix.empty()) {
            add_wheels(prefix, wheels, folders);
            folders.push_back(fs::path(prefix) / "lib");
        }
    // Every python3 on the PATH: as it is called (a virtual environment) and what it links to.
    std::istringstream path(environment("PATH"));
    for (std::string folder; std::getline(path, folder, ':');) {
        const fs::path python = fs::path(folder) / "python3";
        std::error_code error;
        if (folder.empty() || !fs::exists(python, error)) continue;
        add_wheels(fs::path(folder).parent_path(), wheels, folders);
        const fs::path target = fs::canonical(python, error);
        if (!error) add_wheels(target.parent_path().parent_path(), wheels, folders);
    }
    if (const std::string home = environment("HOME"); !home.empty())
        add_wheels(fs::path(home) / ".local", wheels, folders);
    return folders;
}

std::string quoted(const std::string& text) { return "\"" + text + "\""; }

}  // namespace

void load_library(const SharedLibrary& library, const std::string& named, const LoadLibrary& load) {
    std::string why_not;
    const std::string file = !named.empty() ? named : environment(library.variable);
    if (!file.empty()) {
        if (load(file, why_not)) return;
        const std::string kind = library.name.substr(0, library.name.find(' '));
        throw bad_input("The " + kind + " library " + quoted(file) + " cannot be used: " + why_not,
                        "cuda backend", library.advice);
    }
    // The loader's own search fails quietly: most often the library is simply not in its places.
    if (load(library.soname, why_not)) return;
    std::string refused;  // the first that exists but will not do
    for (const fs::path& folder : usual_folders(library.wheels)) {
        std::error_code error;
        const fs::path candidate = folder / library.soname;
        if (!fs::exists(candidate, error)) continue;
        if (load(candidate.string(), why_not)) return;
        if (refused.empty()) refused = quoted(candidate.string()) + ": " + why_not;
    }
    if (!library.other_name.empty() && load(library.other_name, why_not)) return;
    throw bad_input(refused.empty() ? library.name + " (" + library.soname + ") is not on this machine"
                                    : "No usable " + library.name + " is on this machine; " + refused,
                    "cuda backend", library.advice);
}

OpenLibrary::OpenLibrary(const std::string& path, std::string& why_not)
    : handle_(::dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL)) {
    why_not.clear();
    if (handle_ != nullptr) return;
    const char* message = ::dlerror();
    why_not = message != nullptr ? message : "it cannot be loaded";
}

OpenLibrary::~OpenLibrary() {
    if (handle_ != nullptr && !keep_) ::dlclose(handle_);
}

void* OpenLibrary::find(const char* name) const { return ::dlsym(handle_, name); }

std::string file_of(const void* function, const std::string& otherwise) {
    Dl_info where{};
    return ::dladdr(function, &where) != 0 && where.dli_fname != nullptr ? where.dli_fname : otherwise;
}

}  // namespace wishbone::cuda
