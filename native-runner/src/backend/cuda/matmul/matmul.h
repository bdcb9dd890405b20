#pragma once

#include <cuda_bf16.h>
#include <cuda_runtime_api.h>

#include <compare>
#include <cstdint>
#include <map>
#include <memory>
#include <string>

#include "backend/cuda/matmul/cublaslt.h"
#include "backend/cuda/runtime/device.h"
#include "backend/cuda/runtime/device_memory.h"
#include "backend/fp8.h"
#include "core/findings.h"

namespace wishbone::cuda {

/// d [m, n] = op(a) · op(b), in the column-major words of cuBLAS: a matrix that is row-major [r, c] for us is
/// its transpose there, with leading dimension c.
struct Product {
    /// bf16, or FP8 (E4M3) with scales (backend/fp8.h), added up with about 14 bits or with all of f32. Those of FP8 are along k,
    /// with a transposed and b not, as the library has them on Hopper.
    enum class Operands : std::uint8_t { bf16, fp8_fast, fp8 };

    bool transpose_a = false, transpose_b = false;
    std::int64_t m = 0, n = 0, k = 0;
    std::int64_t lda = 0, ldb = 0, ldd = 0;
    /// false: d is bf16 and overwritten; true: d is f32 and added to, or, by the same algorithm, written.
    bool accumulate = false;
    /// What is added to is bf16 too, and another tensor (`run_onto`).
    bool narrow = false;
    Operands operands = Operands::bf16;

    auto operator<=>(const Product&) const = default;
};

/// bf16 matrix products with f32 accumulation through cuBLASLt. The algorithm for a product is chosen when
/// one of about its size first comes: the library's own suggestions are timed and the fastest is kept, also for
/// other processes with the same card, driver and library.
class Matmul {
  public:
    /// With `fixed_choice` nothing is timed and nothing that was is used: the library's first suggestion is, so
    /// that results are the same bits in every process. Nothing is timed beside what `beside` has to do.
    Matmul(const std::string& cublaslt, const Device& device, std::shared_ptr<DeviceMemory> memory,
           cudaStream_t stream, cudaStream_t beside, bool fixed_choice, const FindingsUnder& findings);
    ~Matmul();
    Matmul(const Matmul&) = delete;
    Matmul& operator=(const Matmul&) = delete;

    /// `scale` multiplies the product, not what it is added to. `writes`: a product that would be added to d is not, and nothing
    /// of d is read: the same bits as added to zeros.
    void run(const Product& product, void* d, const __nv_bfloat16* a, const __nv_bfloat16* b, float scale = 1,
             bool writes = false) {
        run(product, {d, d}, {a, nullptr}, {b, nullptr}, scale, writes);
    }
    /// d = c + product, for a product that is added to what is there; c lies as d does.
    void run_onto(const Product& product, void* d, const void* c, const __nv_bfloat16* a,
                  const __nv_bfloat16* b) {
        run(product, {d, c}, {a, nullptr}, {b, nullptr}, 1, false);
    }
    void run(const Product& product, void* d, const Fp8Matrix& a, const Fp8Matrix& b, bool writes = false) {
        run(product, {d, d}, {a.values.data, a.scale.as<float>()}, {b.values.data, b.scale.as<float>()}, 1,
            writes);
    }

    /// From here on nothing is timed: what was is kept, and a new size takes the choice for the one most like it.
    void settle();

    const CublasLt& library() const { return lt_; }

  private:
    struct Key {
        Product product;
        int alignment;
        auto operator<=>(const Key&) const = default;
    };
    struct Plan;
    struct Operand {
        const void* values;
        const float* scale;  ///< of FP8
    };

    struct Result {
        void* to;
        const void* added_to;
    };

    void run(const Product& product, Result d, Operand a, Operand b, float scale, bool writes);
    const Plan& plan_for(const Product& product, int alignment, Operand a, Operand b);
    /// The algorithm for a size that is new, whose plan is fitted to `product`.
    void choose_first(const Key& key, Plan& plan, const Product& product, Operand a, Operand b);
    bool take_kept(const Key& key, Plan& plan) const;
    bool take_alike(const Key& key, Plan& plan) const;
    /// Whether an algorithm can do the product that a plan is fitted to.
    bool allowed(const Plan& plan, const cublasLtMatmulAlgo_t& algorithm) const;
    /// True when candidates were timed.
    bool choose(Plan& plan, const Product& product, int alignment, bool may_time, Operand a, Operand b);
    /// False when there is no memory to time them in.
    bool fastest(Plan& plan, const Product& product, const cublasLtMatmulHeuristicResult_t* candidates,
                 int count, Operand a, Operand b);
    cublasStatus_t launch(const Plan& plan, const cublasLtMatmulAlgo_t& algorithm, bool adds, Result d,
                          Operand a, Operand b, float scale);

    CublasLt lt_;
    std::shared_ptr<DeviceMemory> memory_;
    cudaStream_t stream_, beside_;
    bool fixed_choice_, settled_ = false;
    std::unique_ptr<Findings> kept_;
    Buffer workspace_;
    std::map<Key, std::unique_ptr<Plan>> plans_;
    cudaEvent_t begin_ = nullptr, end_ = nullptr;
};

}  // namespace wishbone::cuda
