#include "backend/cuda/matmul/cublaslt.h"

#include <dlfcn.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <sstream>
#include <system_error>
#include <vector>

#include "core/error.h"

namespace wishbone::cuda {
namespace {

namespace fs = std::filesystem;

/// Structures passed to the library are those of this version's headers; later ones of the same major version
/// keep to them.
constexpr std::size_t least_version = 130000;
constexpr const char* soname = "libcublasLt.so.13";

std::string environment(const char* name) {
    const char* value = std::getenv(name);
    return value != nullptr ? value : "";
}

std::string version_text(std::size_t version) {
    return std::to_string(version / 10000) + "." + std::to_string(version / 100 % 100) + "." +
           std::to_string(version % 100);
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
void add_wheels(const fs::path& prefix, std::vector<fs::path>& folders) {
    for (const char* lib : {"lib", "lib64", "local/lib"})
        for (const fs::path& python : entries(prefix / lib, "python3"))
            for (const char* packages : {"site-packages", "dist-packages"})
                for (const char* wheel : {"nvidia/cu13/lib", "nvidia/cublas/lib"})
                    folders.push_back(python / packages / wheel);
}

/// Folders that may hold the library, in the order they are tried.
std::vector<fs::path> usual_folders() {
    std::vector<fs::path> folders;
    for (const char* name : {"CUDA_HOME", "CUDA_PATH"})
        if (const std::string home = environment(name); !home.empty())
            for (const char* lib : {"lib64", "lib", "targets/x86_64-linux/lib"})
                folders.push_back(fs::path(home) / lib);
    for (const fs::path& toolkit : entries("/usr/local", "cuda"))
        for (const char* lib : {"lib64", "targets/x86_64-linux/lib"}) folders.push_back(toolkit / lib);
    for (const char* name : {"VIRTUAL_ENV", "CONDA_PREFIX"})
        if (const std::string prefix = environment(name); !prefix.empty()) {
            add_wheels(prefix, folders);
            folders.push_back(fs::path(prefix) / "lib");
        }
    // Every python3 on the PATH: as it is called (a virtual environment) and what it links to.
    std::istringstream path(environment("PATH"));
    for (std::string folder; std::getline(path, folder, ':');) {
        const fs::path python = fs::path(folder) / "python3";
        std::error_code error;
        if (folder.empty() || !fs::exists(python, error)) continue;
        add_wheels(fs::path(folder).parent_path(), folders);
        const fs::path target = fs::canonical(python, error);
        if (!error) add_wheels(target.parent_path().parent_path(), folders);
    }
    if (const std::string home = environment("HOME"); !home.empty())
        add_wheels(fs::path(home) / ".local", folders);
    return folders;
}

std::string quoted(const std::string& text) { return "\"" + text + "\""; }

}  // namespace

CublasLt::CublasLt(const std::string& path) {
    const std::string advice =
        "Have Wishbone fetch it (in VS Code: Wishbone: Set Up GPU; else: wishbone setup-gpu), install cuBLAS of "
        "CUDA 13 (the CUDA toolkit, or pip install nvidia-cublas), or name the file in the setting or in "
        "$WISHBONE_CUBLASLT.";
    std::string why_not;
    // A library that was asked for by name is used or refused, never replaced by another.
    const std::string named = !path.empty() ? path : environment("WISHBONE_CUBLASLT");
    if (!named.empty()) {
        if (!load(named, why_not))
            throw bad_input("The cuBLASLt library " + quoted(named) + " cannot be used: " + why_not,
                            "cuda backend", advice);
    } else {
        std::string refused;  // the first that exists but will not do
        const auto attempt = [&](const std::string& candidate) {
            if (load(candidate, why_not)) return true;
            if (refused.empty()) refused = quoted(candidate) + ": " + why_not;
            return false;
        };
        // The loader's own search fails quietly: most often the library is simply not in its places.
        bool found = load(soname, why_not);
        for (const fs::path& folder : found ? std::vector<fs::path>() : usual_folders()) {
            std::error_code error;
            const fs::path candidate = folder / soname;
            if (fs::exists(candidate, error) && (found = attempt(candidate.string()))) break;
        }
        if (!found) found = load("libcublasLt.so", why_not);
        if (!found)
            throw bad_input(refused.empty()
                                ? std::string("cuBLASLt 13 (") + soname + ") is not on this machine"
                                : "No usable cuBLASLt 13 is on this machine; " + refused,
                            "cuda backend", advice);
    }
    check(create(&handle_), "cublasLtCreate");
}

// The library stays loaded: the CUDA runtime may still hold its kernels.
CublasLt::~CublasLt() {
    if (handle_ != nullptr) destroy(handle_);
}

bool CublasLt::load(const std::string& path, std::string& why_not) {
    void* library = ::dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL);
    if (library == nullptr) {
        const char* message = ::dlerror();
        why_not = message != nullptr ? message : "it cannot be loaded";
        return false;
    }
    const char* missing = nullptr;
    const auto resolve = [&](auto& function, const char* name) {
        void* symbol = ::dlsym(library, name);
        if (symbol == nullptr) missing = name;
        function = reinterpret_cast<std::remove_reference_t<decltype(function)>>(symbol);
    };
    resolve(get_version, "cublasLtGetVersion");
    resolve(status_string, "cublasLtGetStatusString");
    resolve(create, "cublasLtCreate");
    resolve(destroy, "cublasLtDestroy");
    resolve(desc_create, "cublasLtMatmulDescCreate");
    resolve(desc_destroy, "cublasLtMatmulDescDestroy");
    resolve(desc_set, "cublasLtMatmulDescSetAttribute");
    resolve(layout_create, "cublasLtMatrixLayoutCreate");
    resolve(layout_destroy, "cublasLtMatrixLayoutDestroy");
    resolve(layout_set, "cublasLtMatrixLayoutSetAttribute");
    resolve(preference_create, "cublasLtMatmulPreferenceCreate");
    resolve(preference_destroy, "cublasLtMatmulPreferenceDestroy");
    resolve(preference_set, "cublasLtMatmulPreferenceSetAttribute");
    resolve(heuristic, "cublasLtMatmulAlgoGetHeuristic");
    resolve(algo_check, "cublasLtMatmulAlgoCheck");
    resolve(matmul, "cublasLtMatmul");
    if (missing != nullptr) {
        why_not = std::string("it has no function ") + missing;
    } else if (get_version() < least_version) {
        why_not = "it is version " + version_text(get_version()) + ", at least " +
                  version_text(least_version) + " is needed";
        missing = "";
    }
    if (missing != nullptr) {
        ::dlclose(library);
        return false;
    }
    library_ = library;
    Dl_info where{};
    path_ = ::dladdr(reinterpret_cast<void*>(get_version), &where) != 0 && where.dli_fname != nullptr
                ? where.dli_fname
                : path;
    return true;
}

std::string CublasLt::version() const { return version_text(get_version()); }

void CublasLt::check(cublasStatus_t status, const char* what) const {
    if (status == CUBLAS_STATUS_SUCCESS) return;
    throw Error(ExitCode::internal, std::string(what) + " failed: " + status_string(status), path_,
                "This is a fault of the runner or of cuBLAS " + version() + ", please report it.");
}

}  // namespace wishbone::cuda
