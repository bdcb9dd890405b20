#include "backend/cuda/matmul/cublaslt.h"

#include "backend/cuda/runtime/shared_library.h"
#include "core/error.h"

namespace wishbone::cuda {
namespace {

/// Structures passed to the library are those of this version's headers; later ones of the same major version
/// keep to them.
constexpr std::size_t least_version = 130000;

std::string version_text(std::size_t version) {
    return std::to_string(version / 10000) + "." + std::to_string(version / 100 % 100) + "." +
           std::to_string(version % 100);
}

}  // namespace

CublasLt::CublasLt(const std::string& path) {
    const SharedLibrary library = {
        .name = "cuBLASLt 13",
        .soname = "libcublasLt.so.13",
        .other_name = "libcublasLt.so",
        .variable = "WISHBONE_CUBLASLT",
        .wheels = {"nvidia/cu13/lib", "nvidia/cublas/lib"},
        .advice =
            "Have Wishbone fetch it (in VS Code: Wishbone: Set Up GPU; else: wishbone setup-gpu), install cuBLAS of "
            "CUDA 13 (the CUDA toolkit, or pip install nvidia-cublas), or name the file in the setting or in "
            "$WISHBONE_CUBLASLT."};
    load_library(library, path,
                 [this](const std::string& file, std::string& why_not) { return load(file, why_not); });
    check(create(&handle_), "cublasLtCreate");
}

// The library stays loaded: the CUDA runtime may still hold its kernels.
CublasLt::~CublasLt() {
    if (handle_ != nullptr) destroy(handle_);
}

bool CublasLt::load(const std::string& path, std::string& why_not) {
    OpenLibrary library(path, why_not);
    if (!library) return false;
    const auto resolve = [&](auto& function, const char* name) { library.resolve(function, name, why_not); };
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
    if (why_not.empty() && get_version() < least_version)
        why_not = "it is version " + version_text(get_version()) + ", at least " +
                  version_text(least_version) + " is needed";
    if (!why_not.empty()) return false;
    library.keep();
    path_ = file_of(reinterpret_cast<const void*>(get_version), path);
    return true;
}

std::string CublasLt::version() const { return version_text(get_version()); }

void CublasLt::check(cublasStatus_t status, const char* what) const {
    if (status == CUBLAS_STATUS_SUCCESS) return;
    throw Error(ExitCode::internal, std::string(what) + " failed: " + status_string(status), path_,
                "This is a fault of the runner or of cuBLAS " + version() + ", please report it.");
}

}  // namespace wishbone::cuda
