#include "backend/cuda/matmul/matmul.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <cstring>
#include <fstream>
#include <initializer_list>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "backend/cuda/runtime/check.h"
#include "backend/length_class.h"

namespace wishbone::cuda {
namespace {

constexpr std::size_t mib = std::size_t{1} << 20;
constexpr std::size_t workspace_bytes = 64 * mib;
/// Timing writes to memory of its own, at most this much; of a larger result only a part is computed.
constexpr std::size_t scratch_bytes = 256 * mib;
constexpr int candidates_asked = 16;
/// Products below this are over before a better algorithm would show.
constexpr double least_flops_to_time = 4e9;

/// The product a choice is made for: lengths that differ from bin to bin are rounded up, as far as the
/// leading dimensions leave room.
Product bucketed(Product product) {
    std::int64_t n = length_class(product.n), k = length_class(product.k);
    if (product.transpose_b) n = std::min(n, product.ldb);
    if (product.transpose_a) k = std::min(k, product.lda);
    if (!product.transpose_b) k = std::min(k, product.ldb);
    product.n = n;
    product.k = k;
    if (product.operands == Product::Operands::fp8)  // rows are as long as the bin
        product.k = product.lda = product.ldb = fp8_padded(length_class(product.lda));
    return product;
}

/// Greatest power of two, up to 256, that divides all the addresses.
int common_alignment(std::initializer_list<const void*> addresses) {
    std::uintptr_t bits = 256;
    for (const void* each : addresses) bits |= reinterpret_cast<std::uintptr_t>(each);
    return static_cast<int>(bits & -bits);
}

bool is_f32(const Product& product) { return product.accumulate && !product.narrow; }

std::string describe(const Product& p) {
    return "[" + std::to_string(p.m) + ", " + std::to_string(p.n) + "] over " + std::to_string(p.k);
}

/// Under which name a choice is kept.
std::string name_of(const Product& p, int alignment) {
    constexpr std::array operands = {"", "fp8 fast ", "fp8 "};
    std::string name = std::string(operands.at(static_cast<std::size_t>(p.operands))) +
                       (p.transpose_a ? "t" : "n") + (p.transpose_b ? "t" : "n") +
                       (p.accumulate ? p.narrow ? " += bf16" : " += f32" : " = bf16");
    for (const std::int64_t number : {p.m, p.n, p.k, p.lda, p.ldb, p.ldd, std::int64_t{alignment}})
        name += " " + std::to_string(number);
    return name;
}

/// All that decides which algorithms there are and which is the fastest. A number that counts up stands for the way they are
/// sought here.
std::string circumstances(const Device& device, const CublasLt& library) {
    int cuda = 0;
    check(cudaDriverGetVersion(&cuda), "cudaDriverGetVersion");
    std::string driver;
    std::ifstream version("/proc/driver/nvidia/version");
    std::getline(version, driver);
    return "matrix products 2\ndevice " + device.name + " " + std::to_string(device.capability) + " " +
           std::to_string(device.multiprocessors) + "\ndriver " + std::to_string(cuda) + " " + driver +
           "\ncublaslt " + library.version();
}

/// NVIDIA: an algorithm may be stored as its bytes, for the same version of the library.
std::string to_text(const cublasLtMatmulAlgo_t& algorithm) {
    constexpr const char* digits = "0123456789abcdef";
    std::array<unsigned char, sizeof algorithm> bytes{};
    std::memcpy(bytes.data(), &algorithm, bytes.size());
    std::string text;
    for (const unsigned char byte : bytes) {
        text += digits[byte >> 4];
        text += digits[byte & 15];
    }
    return text;
}

std::optional<cublasLtMatmulAlgo_t> from_text(const std::string& text) {
    std::array<unsigned char, sizeof(cublasLtMatmulAlgo_t)> bytes{};
    if (text.size() != 2 * bytes.size()) return std::nullopt;
    for (std::size_t i = 0; i < bytes.size(); ++i) {
        const char* const begin = text.data() + 2 * i;
        const auto [rest, problem] = std::from_chars(begin, begin + 2, bytes[i], 16);
        if (problem != std::errc() || rest != begin + 2) return std::nullopt;
    }
    cublasLtMatmulAlgo_t algorithm;
    std::memcpy(&algorithm, bytes.data(), bytes.size());
    return algorithm;
}

struct Preference {
    explicit Preference(const CublasLt& library) : lt(library) {
        lt.check(lt.preference_create(&value), "cublasLtMatmulPreferenceCreate");
    }
    ~Preference() { lt.preference_destroy(value); }
    template <typename T>
    void set(cublasLtMatmulPreferenceAttributes_t which, T to) {
        lt.check(lt.preference_set(value, which, &to, sizeof(to)), "cublasLtMatmulPreferenceSetAttribute");
    }
    Preference(const Preference&) = delete;
    Preference& operator=(const Preference&) = delete;

    const CublasLt& lt;
    cublasLtMatmulPreference_t value = nullptr;
};

}  // namespace

struct Matmul::Plan {
    Plan(const CublasLt& library, const Product& product) : lt(library) {
        lt.check(lt.desc_create(&operation, CUBLAS_COMPUTE_32F, CUDA_R_32F), "cublasLtMatmulDescCreate");
        const auto transpose = [&](cublasLtMatmulDescAttributes_t which, bool value) {
            const cublasOperation_t op = value ? CUBLAS_OP_T : CUBLAS_OP_N;
            lt.check(lt.desc_set(operation, which, &op, sizeof(op)), "cublasLtMatmulDescSetAttribute");
        };
        transpose(CUBLASLT_MATMUL_DESC_TRANSA, product.transpose_a);
        transpose(CUBLASLT_MATMUL_DESC_TRANSB, product.transpose_b);
        // Rows and columns are placeholders until `fit`.
        const auto layout = [&](cublasLtMatrixLayout_t& to, cudaDataType_t type, std::int64_t ld) {
            lt.check(lt.layout_create(&to, type, 1, 1, ld), "cublasLtMatrixLayoutCreate");
        };
        const bool is_fp8 = product.operands != Product::Operands::bf16;
        layout(a, is_fp8 ? CUDA_R_8F_E4M3 : CUDA_R_16BF, product.lda);
        layout(b, is_fp8 ? CUDA_R_8F_E4M3 : CUDA_R_16BF, product.ldb);
        if (is_fp8) {
            for (const auto which : {CUBLASLT_MATMUL_DESC_A_SCALE_MODE, CUBLASLT_MATMUL_DESC_B_SCALE_MODE}) {
                const auto mode = static_cast<std::int32_t>(CUBLASLT_MATMUL_MATRIX_SCALE_OUTER_VEC_32F);
                lt.check(lt.desc_set(operation, which, &mode, sizeof(mode)),
                         "cublasLtMatmulDescSetAttribute");
            }
            const auto fast = static_cast<std::int8_t>(product.operands == Product::Operands::fp8_fast);
            lt.check(lt.desc_set(operation, CUBLASLT_MATMUL_DESC_FAST_ACCUM, &fast, sizeof(fast)),
                     "cublasLtMatmulDescSetAttribute");
        }
        layout(d, is_f32(product) ? CUDA_R_32F : CUDA_R_16BF, product.ldd);
    }
    ~Plan() {
        for (cublasLtMatrixLayout_t layout : {a, b, d})
            if (layout != nullptr) lt.layout_destroy(layout);
        if (operation != nullptr) lt.desc_destroy(operation);
    }
    Plan(const Plan&) = delete;
    Plan& operator=(const Plan&) = delete;

    /// Makes the layouts those of this product.
    void fit(const Product& product) {
        const auto size = [&](cublasLtMatrixLayout_t layout, std::int64_t rows, std::int64_t columns) {
            const auto r = static_cast<std::uint64_t>(rows), c = static_cast<std::uint64_t>(columns);
            lt.check(lt.layout_set(layout, CUBLASLT_MATRIX_LAYOUT_ROWS, &r, sizeof(r)), "matrix layout");
            lt.check(lt.layout_set(layout, CUBLASLT_MATRIX_LAYOUT_COLS, &c, sizeof(c)), "matrix layout");
        };
        if (product.transpose_a)
            size(a, product.k, product.m);
        else
            size(a, product.m, product.k);
        if (product.transpose_b)
            size(b, product.n, product.k);
        else
            size(b, product.k, product.n);
        size(d, product.m, product.n);
        if (product.operands == Product::Operands::fp8)
            for (const auto& [layout, ld] : {std::pair(a, product.lda), std::pair(b, product.ldb)})
                lt.check(lt.layout_set(layout, CUBLASLT_MATRIX_LAYOUT_LD, &ld, sizeof(ld)), "matrix layout");
        fitted = product;
    }

    /// Of what the next product is of, in FP8.
    void take_scales(Operand of_a, Operand of_b) {
        if (of_a.scale == nullptr) return;
        const auto take = [&](cublasLtMatmulDescAttributes_t which, const float* scale) {
            lt.check(lt.desc_set(operation, which, &scale, sizeof(scale)), "cublasLtMatmulDescSetAttribute");
        };
        take(CUBLASLT_MATMUL_DESC_A_SCALE_POINTER, of_a.scale);
        take(CUBLASLT_MATMUL_DESC_B_SCALE_POINTER, of_b.scale);
    }

    const CublasLt& lt;
    cublasLtMatmulDesc_t operation = nullptr;
    cublasLtMatrixLayout_t a = nullptr, b = nullptr, d = nullptr;
    Product fitted;
    cublasLtMatmulAlgo_t algorithm{};         ///< for `fitted`
    cublasLtMatmulAlgo_t bucket_algorithm{};  ///< for lengths about these
};

Matmul::Matmul(const std::string& cublaslt, const Device& device, std::shared_ptr<DeviceMemory> memory,
               cudaStream_t stream, cudaStream_t beside, bool fixed_choice, const FindingsUnder& findings)
    : lt_(cublaslt),
      memory_(std::move(memory)),
      stream_(stream),
      beside_(beside),
      fixed_choice_(fixed_choice) {
    if (findings && !fixed_choice_) kept_ = findings(circumstances(device, lt_));
    workspace_ = take_buffer(memory_, workspace_bytes);
    check(cudaEventCreate(&begin_), "cudaEventCreate");
    check(cudaEventCreate(&end_), "cudaEventCreate");
}

Matmul::~Matmul() {
    if (kept_) kept_->keep();
    if (begin_ != nullptr) (void)cudaEventDestroy(begin_);
    if (end_ != nullptr) (void)cudaEventDestroy(end_);
}

void Matmul::run(const Product& product, Result d, Operand a, Operand b, float scale, bool writes) {
    if (product.m == 0 || product.n == 0) return;
    const bool adds = product.accumulate && !writes;
    if (product.k == 0) {
        const std::size_t each = is_f32(product) ? 4 : 2,
                          pitch = static_cast<std::size_t>(product.ldd) * each,
                          width = static_cast<std::size_t>(product.m) * each;
        const auto columns = static_cast<std::size_t>(product.n);
        if (!adds)
            check(cudaMemset2DAsync(d.to, pitch, 0, width, columns, stream_), "cudaMemset2DAsync");
        else if (d.to != d.added_to)
            check(cudaMemcpy2DAsync(d.to, pitch, d.added_to, pitch, width, columns, cudaMemcpyDeviceToDevice,
                                    stream_),
                  "cudaMemcpy2DAsync");
        return;
    }
    const Plan& plan = plan_for(product, common_alignment({d.to, d.added_to, a.values, b.values}), a, b);
    lt_.check(launch(plan, plan.algorithm, adds, d, a, b, scale), "cublasLtMatmul");
}

void Matmul::settle() {
    settled_ = true;
    if (kept_) kept_->keep();
}

const Matmul::Plan& Matmul::plan_for(const Product& product, int alignment, Operand a, Operand b) {
    const Key key = {bucketed(product), alignment};
    std::unique_ptr<Plan>& plan = plans_[key];
    if (!plan) {
        auto made = std::make_unique<Plan>(lt_, product);
        made->fit(product);
        made->take_scales(a, b);
        choose_first(key, *made, product, a, b);
        made->bucket_algorithm = made->algorithm;
        plan = std::move(made);
        return *plan;
    }
    plan->take_scales(a, b);
    if (plan->fitted == product) return *plan;
    plan->fit(product);
    if (allowed(*plan, plan->bucket_algorithm))
        plan->algorithm = plan->bucket_algorithm;
    else  // what suits most lengths of this bucket does not suit this one
        choose(*plan, product, alignment, false, a, b);
    return *plan;
}

void Matmul::choose_first(const Key& key, Plan& plan, const Product& product, Operand a, Operand b) {
    if (take_kept(key, plan) || (settled_ && take_alike(key, plan))) return;
    const bool timed = choose(plan, product, key.alignment, true, a, b);
    if (timed && kept_) kept_->add(name_of(key.product, key.alignment), to_text(plan.algorithm));
}

bool Matmul::take_kept(const Key& key, Plan& plan) const {
    const auto text = kept_ ? kept_->find(name_of(key.product, key.alignment)) : std::nullopt;
    const auto algorithm = text ? from_text(*text) : std::nullopt;
    if (!algorithm || !allowed(plan, *algorithm)) return false;
    plan.algorithm = *algorithm;
    return true;
}

/// Of the products that differ in their lengths alone, by four times at most, and ask for no better alignment: the nearest one's.
bool Matmul::take_alike(const Key& key, Plan& plan) const {
    const auto distance = [](std::int64_t one, std::int64_t other) {
        return std::abs(std::log2(static_cast<double>(one) / static_cast<double>(other)));
    };
    constexpr double most = 2;
    const Plan* nearest = nullptr;
    double least = most;
    for (const auto& [other, candidate] : plans_) {
        Product same = other.product;
        same.n = key.product.n;
        same.k = key.product.k;
        if (same.operands == Product::Operands::fp8) same.lda = same.ldb = key.product.lda;
        if (!candidate || same != key.product || other.alignment > key.alignment) continue;
        const double far =
            distance(other.product.n, key.product.n) + distance(other.product.k, key.product.k);
        if (far > least || !allowed(plan, candidate->bucket_algorithm)) continue;
        least = far;
        nearest = candidate.get();
    }
    if (nearest == nullptr) return false;
    plan.algorithm = nearest->bucket_algorithm;
    return true;
}

bool Matmul::allowed(const Plan& plan, const cublasLtMatmulAlgo_t& algorithm) const {
    cublasLtMatmulHeuristicResult_t result{};
    return lt_.algo_check(lt_.handle(), plan.operation, plan.a, plan.b, plan.d, plan.d, &algorithm,
                          &result) == CUBLAS_STATUS_SUCCESS &&
           result.workspaceSize <= workspace_bytes;
}

bool Matmul::choose(Plan& plan, const Product& product, int alignment, bool may_time, Operand a, Operand b) {
    Preference preference(lt_);
    preference.set(CUBLASLT_MATMUL_PREF_MAX_WORKSPACE_BYTES, std::uint64_t{workspace_bytes});
    // Parts of a split sum are added in f32, never in the bf16 of the result.
    preference.set(CUBLASLT_MATMUL_PREF_REDUCTION_SCHEME_MASK,
                   static_cast<std::uint32_t>(CUBLASLT_REDUCTION_SCHEME_COMPUTE_TYPE));
    for (const auto which :
         {CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_A_BYTES, CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_B_BYTES,
          CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_C_BYTES, CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_D_BYTES})
        preference.set(which, static_cast<std::uint32_t>(alignment));

    const bool timed = may_time && !settled_ && !fixed_choice_ &&
                       2.0 * static_cast<double>(product.m) * static_cast<double>(product.n) *
                               static_cast<double>(product.k) >=
                           least_flops_to_time;
    // A choice that is not timed is made for the whole bucket, whichever length of it comes first.
    if (may_time && !timed) plan.fit(bucketed(product));
    std::array<cublasLtMatmulHeuristicResult_t, candidates_asked> candidates{};
    int count = 0;
    const auto ask = [&] {
        count = 0;
        const cublasStatus_t status =
            lt_.heuristic(lt_.handle(), plan.operation, plan.a, plan.b, plan.d, plan.d, preference.value,
                          timed ? candidates_asked : 1, candidates.data(), &count);
        return status == CUBLAS_STATUS_SUCCESS && count > 0;
    };
    bool found = ask();
    if (plan.fitted != product) {
        plan.fit(product);
        if (!found || !allowed(plan, candidates[0].algo)) found = ask();
    }
    if (!found)
        throw Error(
            ExitCode::internal,
            std::string("cuBLASLt has no algorithm for ") +
                (product.operands == Product::Operands::bf16 ? "a bf16 product " : "an FP8 product ") +
                describe(product),
            lt_.path(),
            "Sizes that are multiples of 8 always have one; please report a model whose sizes are not.");
    plan.algorithm = candidates[0].algo;
    if (!timed || count <= 1) return timed;
    return fastest(plan, product, candidates.data(), count, a, b);
}

bool Matmul::fastest(Plan& plan, const Product& product, const cublasLtMatmulHeuristicResult_t* candidates,
                     int count, Operand a, Operand b) {
    const std::size_t column_bytes = static_cast<std::size_t>(product.ldd) * (is_f32(product) ? 4 : 2);
    Product part = product;
    if (column_bytes * static_cast<std::size_t>(product.n) > scratch_bytes)
        part.n = std::max<std::int64_t>(std::min<std::int64_t>(product.n, 256),
                                        static_cast<std::int64_t>(scratch_bytes / column_bytes) / 256 * 256);
    // A bf16 result is added to another tensor, which some algorithms are a quarter slower with.
    Buffer scratch, added_to;
    try {
        const std::size_t bytes = column_bytes * static_cast<std::size_t>(part.n);
        scratch = take_buffer(memory_, bytes);
        if (product.narrow) added_to = take_buffer(memory_, bytes);
    } catch (const Error&) {
        return false;  // the choice is not worth failing for
    }
    const Result result = {scratch.get(), product.narrow ? added_to.get() : scratch.get()};
    plan.fit(part);
    check(cudaStreamSynchronize(beside_), "cudaStreamSynchronize");
    const auto milliseconds = [&](const cublasLtMatmulAlgo_t& algorithm) {
        check(cudaEventRecord(begin_, stream_), "cudaEventRecord");
        const cublasStatus_t status = launch(plan, algorithm, product.accumulate, result, a, b, 1);
        check(cudaEventRecord(end_, stream_), "cudaEventRecord");
        check(cudaEventSynchronize(end_), "timing of a matrix product");
        float each = 0;
        check(cudaEventElapsedTime(&each, begin_, end_), "cudaEventElapsedTime");
        return status == CUBLAS_STATUS_SUCCESS ? each : INFINITY;
    };
    // Candidates take turns, so that a change of the clock meets all of them. The first turn loads kernels
    // and does not count; those that fall behind take part in no further one.
    constexpr int turns = 10, turns_of_most = 3;
    struct Candidate {
        const cublasLtMatmulAlgo_t* algorithm;
        float sum = 0;
    };
    std::vector<Candidate> left;
    for (int i = 0; i < count; ++i)
        if (std::isfinite(milliseconds(candidates[i].algo))) left.push_back({&candidates[i].algo});
    for (int turn = 1; turn < turns && left.size() > 1; ++turn) {
        for (Candidate& candidate : left) candidate.sum += milliseconds(*candidate.algorithm);
        std::ranges::stable_sort(left, {}, &Candidate::sum);
        const float most = left.front().sum * (turn < turns_of_most ? 1.08f : 1.02f);
        std::erase_if(left, [&](const Candidate& candidate) { return candidate.sum > most; });
    }
    if (!left.empty()) plan.algorithm = *left.front().algorithm;
    plan.fit(product);
    return true;
}

cublasStatus_t Matmul::launch(const Plan& plan, const cublasLtMatmulAlgo_t& algorithm, bool adds, Result d,
                              Operand a, Operand b, float scale) {
    // The library reads nothing of what is added to where this is 0.
    const float beta = adds ? 1.0f : 0.0f;
    return lt_.matmul(lt_.handle(), plan.operation, &scale, a.values, plan.a, b.values, plan.b, &beta,
                      d.added_to, plan.d, d.to, plan.d, &algorithm, workspace_.get(), workspace_bytes,
                      stream_);
}

}  // namespace wishbone::cuda
