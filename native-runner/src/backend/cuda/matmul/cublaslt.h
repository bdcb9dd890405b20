#pragma once

#include <cublasLt.h>

#include <string>

namespace wishbone::cuda {

/// The functions of libcublasLt that are used, loaded when the runner starts: nothing of cuBLAS is linked, so
/// the same runner works where there is none.
class CublasLt {
  public:
    /// Loads `path`, or searches when it is empty: $WISHBONE_CUBLASLT, the loader's own places, CUDA toolkits
    /// and the wheels of the Python environments in reach. Throws Error(bad_input) when there is none that
    /// will do.
    explicit CublasLt(const std::string& path);
    ~CublasLt();
    CublasLt(const CublasLt&) = delete;
    CublasLt& operator=(const CublasLt&) = delete;

    const std::string& path() const { return path_; }
    /// "13.1.1"
    std::string version() const;
    cublasLtHandle_t handle() const { return handle_; }

    /// Throws Error(internal) unless `status` is success.
    void check(cublasStatus_t status, const char* what) const;

    decltype(&cublasLtGetVersion) get_version = nullptr;
    decltype(&cublasLtGetStatusString) status_string = nullptr;
    decltype(&cublasLtCreate) create = nullptr;
    decltype(&cublasLtDestroy) destroy = nullptr;
    decltype(&cublasLtMatmulDescCreate) desc_create = nullptr;
    decltype(&cublasLtMatmulDescDestroy) desc_destroy = nullptr;
    decltype(&cublasLtMatmulDescSetAttribute) desc_set = nullptr;
    decltype(&cublasLtMatrixLayoutCreate) layout_create = nullptr;
    decltype(&cublasLtMatrixLayoutDestroy) layout_destroy = nullptr;
    decltype(&cublasLtMatrixLayoutSetAttribute) layout_set = nullptr;
    decltype(&cublasLtMatmulPreferenceCreate) preference_create = nullptr;
    decltype(&cublasLtMatmulPreferenceDestroy) preference_destroy = nullptr;
    decltype(&cublasLtMatmulPreferenceSetAttribute) preference_set = nullptr;
    decltype(&cublasLtMatmulAlgoGetHeuristic) heuristic = nullptr;
    decltype(&cublasLtMatmulAlgoCheck) algo_check = nullptr;
    decltype(&cublasLtMatmul) matmul = nullptr;

  private:
    /// Whether `path` is a usable library; `why_not` says what is wrong with it.
    bool load(const std::string& path, std::string& why_not);

    std::string path_;
    cublasLtHandle_t handle_ = nullptr;
};

}  // namespace wishbone::cuda
