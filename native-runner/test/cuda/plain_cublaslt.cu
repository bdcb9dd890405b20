// A libcublasLt.so with the functions that the runner loads, whose products one thread an element computes.
// For compute-sanitizer: under racecheck of CUDA 13.0 cuBLAS's own kernels stop with an illegal address, and
// what is to be checked are the runner's. Knows bf16 operands, or E4M3 with scales for rows, and a bf16 or f32
// result, as the runner asks for.

#include <cublasLt.h>
#include <cuda_bf16.h>
#include <cuda_fp8.h>

#include <algorithm>
#include <cstdint>
#include <cstring>

namespace {

struct Operation {
    bool transpose_a = false, transpose_b = false;
    const float *scale_a = nullptr, *scale_b = nullptr;  ///< of E4M3
};

struct Layout {
    cudaDataType type = CUDA_R_16BF;
    std::uint64_t rows = 0, columns = 0;
    std::int64_t ld = 0;
};

// The library's types are opaque to callers, and large enough.
template <typename Own, typename Opaque>
Own& own(Opaque* opaque) {
    static_assert(sizeof(Own) <= sizeof(*opaque));
    return *reinterpret_cast<Own*>(opaque);
}

template <typename Own, typename Opaque>
cublasStatus_t create(Opaque** handle, Own value) {
    *handle = new Opaque{};
    own<Own>(*handle) = value;
    return CUBLAS_STATUS_SUCCESS;
}

template <typename Opaque>
cublasStatus_t destroy(Opaque* handle) {
    delete handle;
    return CUBLAS_STATUS_SUCCESS;
}

template <typename T>
T value_of(const void* bytes) {
    T value;
    std::memcpy(&value, bytes, sizeof(value));
    return value;
}

template <typename D, typename T>
__global__ void product(D* d, const T* a, const T* b, Operation operation, Layout of_a, Layout of_b,
                        Layout of_d, std::uint64_t depth, float alpha, float beta) {
    const std::uint64_t index = std::uint64_t{blockIdx.x} * blockDim.x + threadIdx.x;
    if (index >= of_d.rows * of_d.columns) return;
    const std::uint64_t i = index % of_d.rows, j = index / of_d.rows;
    float sum = 0;
    for (std::uint64_t k = 0; k < depth; ++k)
        sum += float(a[operation.transpose_a ? k + i * of_a.ld : i + k * of_a.ld]) *
               float(b[operation.transpose_b ? j + k * of_b.ld : k + j * of_b.ld]);
    if (sizeof(T) == 1) sum *= operation.scale_a[i] * operation.scale_b[j];
    D& to = d[i + j * of_d.ld];
    to = D(alpha * sum + (beta == 0 ? 0.0f : beta * float(to)));
}

}  // namespace

extern "C" {

size_t cublasLtGetVersion() { return 130000; }
const char* cublasLtGetStatusString(cublasStatus_t status) {
    return status == CUBLAS_STATUS_SUCCESS ? "success" : "failure";
}
cublasStatus_t cublasLtCreate(cublasLtHandle_t* handle) {
    *handle = nullptr;
    return CUBLAS_STATUS_SUCCESS;
}
cublasStatus_t cublasLtDestroy(cublasLtHandle_t) { return CUBLAS_STATUS_SUCCESS; }

cublasStatus_t cublasLtMatmulDescCreate(cublasLtMatmulDesc_t* desc, cublasComputeType_t, cudaDataType_t) {
    return create(desc, Operation());
}
cublasStatus_t cublasLtMatmulDescDestroy(cublasLtMatmulDesc_t desc) { return destroy(desc); }
cublasStatus_t cublasLtMatmulDescSetAttribute(cublasLtMatmulDesc_t desc, cublasLtMatmulDescAttributes_t which,
                                              const void* bytes, size_t) {
    auto& operation = own<Operation>(desc);
    const auto is_transposed = [bytes] { return value_of<cublasOperation_t>(bytes) == CUBLAS_OP_T; };
    switch (which) {
        case CUBLASLT_MATMUL_DESC_TRANSA:
            operation.transpose_a = is_transposed();
            return CUBLAS_STATUS_SUCCESS;
        case CUBLASLT_MATMUL_DESC_TRANSB:
            operation.transpose_b = is_transposed();
            return CUBLAS_STATUS_SUCCESS;
        case CUBLASLT_MATMUL_DESC_A_SCALE_POINTER:
            operation.scale_a = value_of<const float*>(bytes);
            return CUBLAS_STATUS_SUCCESS;
        case CUBLASLT_MATMUL_DESC_B_SCALE_POINTER:
            operation.scale_b = value_of<const float*>(bytes);
            return CUBLAS_STATUS_SUCCESS;
        case CUBLASLT_MATMUL_DESC_A_SCALE_MODE:
        case CUBLASLT_MATMUL_DESC_B_SCALE_MODE:
            return value_of<std::int32_t>(bytes) == CUBLASLT_MATMUL_MATRIX_SCALE_OUTER_VEC_32F
                       ? CUBLAS_STATUS_SUCCESS
                       : CUBLAS_STATUS_NOT_SUPPORTED;
        case CUBLASLT_MATMUL_DESC_FAST_ACCUM:
            return CUBLAS_STATUS_SUCCESS;
        default:
            return CUBLAS_STATUS_NOT_SUPPORTED;
    }
}

cublasStatus_t cublasLtMatrixLayoutCreate(cublasLtMatrixLayout_t* layout, cudaDataType type,
                                          std::uint64_t rows, std::uint64_t columns, std::int64_t ld) {
    return create(layout, Layout{type, rows, columns, ld});
}
cublasStatus_t cublasLtMatrixLayoutDestroy(cublasLtMatrixLayout_t layout) { return destroy(layout); }
cublasStatus_t cublasLtMatrixLayoutSetAttribute(cublasLtMatrixLayout_t layout,
                                                cublasLtMatrixLayoutAttribute_t which, const void* bytes,
                                                size_t) {
    auto& to = own<Layout>(layout);
    if (which == CUBLASLT_MATRIX_LAYOUT_ROWS)
        to.rows = value_of<std::uint64_t>(bytes);
    else if (which == CUBLASLT_MATRIX_LAYOUT_COLS)
        to.columns = value_of<std::uint64_t>(bytes);
    else if (which == CUBLASLT_MATRIX_LAYOUT_LD)
        to.ld = value_of<std::int64_t>(bytes);
    else
        return CUBLAS_STATUS_NOT_SUPPORTED;
    return CUBLAS_STATUS_SUCCESS;
}

cublasStatus_t cublasLtMatmulPreferenceCreate(cublasLtMatmulPreference_t* preference) {
    return create(preference, 0);
}
cublasStatus_t cublasLtMatmulPreferenceDestroy(cublasLtMatmulPreference_t preference) {
    return destroy(preference);
}
cublasStatus_t cublasLtMatmulPreferenceSetAttribute(cublasLtMatmulPreference_t,
                                                    cublasLtMatmulPreferenceAttributes_t, const void*,
                                                    size_t) {
    return CUBLAS_STATUS_SUCCESS;
}

cublasStatus_t cublasLtMatmulAlgoGetHeuristic(cublasLtHandle_t, cublasLtMatmulDesc_t, cublasLtMatrixLayout_t,
                                              cublasLtMatrixLayout_t, cublasLtMatrixLayout_t,
                                              cublasLtMatrixLayout_t, cublasLtMatmulPreference_t, int,
                                              cublasLtMatmulHeuristicResult_t* results, int* count) {
    results[0] = {};
    *count = 1;
    return CUBLAS_STATUS_SUCCESS;
}
cublasStatus_t cublasLtMatmulAlgoCheck(cublasLtHandle_t, cublasLtMatmulDesc_t, cublasLtMatrixLayout_t,
                                       cublasLtMatrixLayout_t, cublasLtMatrixLayout_t, cublasLtMatrixLayout_t,
                                       const cublasLtMatmulAlgo_t*, cublasLtMatmulHeuristicResult_t* result) {
    *result = {};
    return CUBLAS_STATUS_SUCCESS;
}

cublasStatus_t cublasLtMatmul(cublasLtHandle_t, cublasLtMatmulDesc_t desc, const void* alpha, const void* a,
                              cublasLtMatrixLayout_t layout_a, const void* b, cublasLtMatrixLayout_t layout_b,
                              const void* beta, const void*, cublasLtMatrixLayout_t, void* d,
                              cublasLtMatrixLayout_t layout_d, const cublasLtMatmulAlgo_t*, void*, size_t,
                              cudaStream_t stream) {
    const auto& operation = own<Operation>(desc);
    const auto &of_a = own<Layout>(layout_a), &of_b = own<Layout>(layout_b), &of_d = own<Layout>(layout_d);
    constexpr unsigned threads = 256;
    const auto blocks = static_cast<unsigned>((of_d.rows * of_d.columns + threads - 1) / threads);
    const auto run_on = [&](auto* to, auto* left, auto* right) {
        product<<<blocks, threads, 0, stream>>>(to, left, right, operation, of_a, of_b, of_d,
                                                operation.transpose_a ? of_a.rows : of_a.columns,
                                                value_of<float>(alpha), value_of<float>(beta));
    };
    const auto run = [&](auto* to) {
        if (of_a.type == CUDA_R_8F_E4M3)
            run_on(to, static_cast<const __nv_fp8_e4m3*>(a), static_cast<const __nv_fp8_e4m3*>(b));
        else
            run_on(to, static_cast<const __nv_bfloat16*>(a), static_cast<const __nv_bfloat16*>(b));
    };
    if (of_d.type == CUDA_R_32F)
        run(static_cast<float*>(d));
    else
        run(static_cast<__nv_bfloat16*>(d));
    return cudaGetLastError() == cudaSuccess ? CUBLAS_STATUS_SUCCESS : CUBLAS_STATUS_EXECUTION_FAILED;
}

}  // extern "C"
