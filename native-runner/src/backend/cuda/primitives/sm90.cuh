#pragma once

// Hopper's own instructions (sm_90a), each a thin wrapper: mbarrier, the bulk copy engine (TMA), wgmma and
// what orders them. Names follow the PTX ISA, where each is specified. Shared-memory addresses are 32-bit, as
// `shared_address` gives them. Only for files compiled for sm_90a.

#include <cuda.h>
#include <cuda_bf16.h>
#include <cuda_runtime_api.h>

#include <cstdint>

#include "backend/cuda/runtime/check.h"

namespace wishbone::cuda {

// ---- Tensor maps (host) ----

/// cuTensorMapEncodeTiled; nothing links against libcuda: it comes through the runtime. Throws
/// Error(internal).
inline decltype(&cuTensorMapEncodeTiled) tensor_map_encoder() {
    static const auto encode = [] {
        void* function = nullptr;
        cudaDriverEntryPointQueryResult result{};
        check(cudaGetDriverEntryPointByVersion("cuTensorMapEncodeTiled", &function, 12000, cudaEnableDefault,
                                               &result),
              "cudaGetDriverEntryPointByVersion");
        check(result == cudaDriverEntryPointSuccess ? cudaSuccess : cudaErrorSymbolNotFound,
              "cuTensorMapEncodeTiled");
        return reinterpret_cast<decltype(&cuTensorMapEncodeTiled)>(function);
    }();
    return encode;
}

/// The map of a contiguous bf16 tensor [size2, size1, size0] from which boxes [box2, box1, box0] are copied
/// to shared memory, rows of box0 elements in the 128-byte swizzle (box0 * 2 <= 128). Places of a box outside
/// the tensor are filled with zero by loads and left alone by stores. `base` is 16-byte aligned and so is a
/// row of size0 elements. Throws Error(internal).
inline CUtensorMap encode_tensor_3d(const void* base, std::uint64_t size0, std::uint64_t size1,
                                    std::uint64_t size2, std::uint32_t box0, std::uint32_t box1,
                                    std::uint32_t box2) {
    const cuuint64_t sizes[3] = {size0, size1, size2};
    const cuuint64_t strides[2] = {size0 * sizeof(__nv_bfloat16), size0 * size1 * sizeof(__nv_bfloat16)};
    const cuuint32_t box[3] = {box0, box1, box2};
    const cuuint32_t element_strides[3] = {1, 1, 1};
    CUtensorMap map;
    const CUresult result = tensor_map_encoder()(
        &map, CU_TENSOR_MAP_DATA_TYPE_BFLOAT16, 3, const_cast<void*>(base), sizes, strides, box,
        element_strides, CU_TENSOR_MAP_INTERLEAVE_NONE, CU_TENSOR_MAP_SWIZZLE_128B,
        CU_TENSOR_MAP_L2_PROMOTION_L2_256B, CU_TENSOR_MAP_FLOAT_OOB_FILL_NONE);
    check(result == CUDA_SUCCESS ? cudaSuccess : cudaErrorInvalidValue, "cuTensorMapEncodeTiled");
    return map;
}

/// The map of a vector of `size` 4-byte words, read `box` (a multiple of 4, at most 256) at a time from any
/// multiple of 4 (others are an illegal instruction); words outside it are read as zero. `base` is 16-byte
/// aligned. Throws Error(internal).
inline CUtensorMap encode_words(const void* base, std::uint64_t size, std::uint32_t box) {
    const cuuint64_t sizes[1] = {size}, no_strides[1] = {16};  // not read, but may not be null
    const cuuint32_t element_stride = 1;
    CUtensorMap map;
    const CUresult result = tensor_map_encoder()(
        &map, CU_TENSOR_MAP_DATA_TYPE_INT32, 1, const_cast<void*>(base), sizes, no_strides, &box,
        &element_stride, CU_TENSOR_MAP_INTERLEAVE_NONE, CU_TENSOR_MAP_SWIZZLE_NONE,
        CU_TENSOR_MAP_L2_PROMOTION_L2_256B, CU_TENSOR_MAP_FLOAT_OOB_FILL_NONE);
    check(result == CUDA_SUCCESS ? cudaSuccess : cudaErrorInvalidValue, "cuTensorMapEncodeTiled");
    return map;
}

// ---- Shared memory, barriers ----

__device__ __forceinline__ std::uint32_t shared_address(const void* pointer) {
    return static_cast<std::uint32_t>(__cvta_generic_to_shared(pointer));
}

__device__ __forceinline__ void mbarrier_init(std::uint32_t barrier, int arrivals) {
    asm volatile("mbarrier.init.shared::cta.b64 [%0], %1;" ::"r"(barrier), "r"(arrivals) : "memory");
}
/// Makes initialised barriers known to the copy engine; a barrier of the block's threads follows.
__device__ __forceinline__ void mbarrier_fence_init() {
    asm volatile("fence.mbarrier_init.release.cluster;" ::: "memory");
}
__device__ __forceinline__ void mbarrier_arrive(std::uint32_t barrier) {
    asm volatile("mbarrier.arrive.shared::cta.b64 _, [%0];" ::"r"(barrier) : "memory");
}
/// Arrivals of `warp_arrive`. One would do: it is ordered behind what the warp's other lanes did. But
/// racecheck of CUDA 13.0 knows a barrier's arrivals by thread only, so for it every lane arrives
/// (-DWISHBONE_RACECHECK).
#ifdef WISHBONE_RACECHECK
constexpr int warp_arrivals = 32;
#else
constexpr int warp_arrivals = 1;
#endif
/// A whole warp is done with what it did before.
__device__ __forceinline__ void warp_arrive(std::uint32_t barrier) {
    __syncwarp();
    if (threadIdx.x % 32 < warp_arrivals) mbarrier_arrive(barrier);
}
/// Arrives, and makes the phase wait for `bytes` more from the copy engine.
__device__ __forceinline__ void mbarrier_arrive_expect_tx(std::uint32_t barrier, int bytes) {
    asm volatile("mbarrier.arrive.expect_tx.shared::cta.b64 _, [%0], %1;" ::"r"(barrier), "r"(bytes)
                 : "memory");
}
/// Waits until the phase of this parity is complete. A new barrier is in phase 0, so waiting for parity 1
/// returns at once.
__device__ __forceinline__ void mbarrier_wait(std::uint32_t barrier, int parity) {
    asm volatile(
        "{\n"
        ".reg .pred done;\n"
        "again:\n"
        "mbarrier.try_wait.parity.shared::cta.b64 done, [%0], %1;\n"
        "@done bra ready;\n"
        "bra again;\n"
        "ready:\n"
        "}" ::"r"(barrier),
        "r"(parity)
        : "memory");
}

/// Barrier `id` (1-15; 0 is __syncthreads) of `threads` threads, whole warps.
__device__ __forceinline__ void named_barrier_sync(int id, int threads) {
    asm volatile("bar.sync %0, %1;" ::"r"(id), "r"(threads) : "memory");
}
__device__ __forceinline__ void named_barrier_arrive(int id, int threads) {
    asm volatile("bar.arrive %0, %1;" ::"r"(id), "r"(threads) : "memory");
}

/// Ordinary writes to shared memory before it are seen by copy engine and matrix units after it (with a
/// barrier in between when other threads start those).
__device__ __forceinline__ void fence_proxy_async() {
    asm volatile("fence.proxy.async.shared::cta;" ::: "memory");
}

/// Registers a thread of this warpgroup, a multiple of 8 from 24 to 256; the kernel has a launch bound.
template <int Registers>
__device__ __forceinline__ void register_alloc() {
    asm volatile("setmaxnreg.inc.sync.aligned.u32 %0;" ::"n"(Registers));
}
template <int Registers>
__device__ __forceinline__ void register_dealloc() {
    asm volatile("setmaxnreg.dec.sync.aligned.u32 %0;" ::"n"(Registers));
}

// ---- Bulk copies ----

/// A box of the tensor, from element (x, y, z) (innermost first), to shared memory; its whole bytes, also
/// those outside the tensor, count on the barrier. `to` is 1024-byte aligned where tiles are read by
/// descriptors.
__device__ __forceinline__ void tma_load_3d(std::uint32_t to, const CUtensorMap* map, std::uint32_t barrier,
                                            int x, int y, int z) {
    asm volatile(
        "cp.async.bulk.tensor.3d.shared::cluster.global.mbarrier::complete_tx::bytes [%0], [%1, {%3, %4, "
        "%5}], "
        "[%2];" ::"r"(to),
        "l"(map), "r"(barrier), "r"(x), "r"(y), "r"(z)
        : "memory");
}
/// The box of words from word x on, a multiple of 4; `to` is 128-byte aligned.
__device__ __forceinline__ void tma_load_1d(std::uint32_t to, const CUtensorMap* map, std::uint32_t barrier,
                                            int x) {
    asm volatile(
        "cp.async.bulk.tensor.1d.shared::cluster.global.mbarrier::complete_tx::bytes [%0], [%1, {%3}], "
        "[%2];" ::"r"(to),
        "l"(map), "r"(barrier), "r"(x)
        : "memory");
}

// ---- wgmma ----
//
// D[64, N] (+)= A[64, 16] B[N, 16]ᵀ by one warpgroup; bf16 operands, f32 accumulators. Thread t of the
// warpgroup holds of D, with w = t / 32, r = t % 32 / 4, c = t % 4: d[4i + 2h + e] = D[16w + 8h + r][8i + 2c
// + e]. A in registers has the same order, two elements a word: a[2i + h] = A[16w + 8h + r][8i + 2c .. + 1].
//
// Tiles in shared memory are rows of 64 elements (128 bytes) in the 128-byte swizzle, 1024-byte aligned, as
// tma_load_3d leaves them; wider matrices are several such tiles.
//   K-major (rows run along k; transpose bit 0): descriptor(tile + 32 · step, 0, 1024) for k step 0-3.
//   MN-major (rows are k, running along m or n; transpose bit 1): descriptor(tile + 2048 · step, bytes from
//   one 64-wide tile to the next, 1024).

/// Describes an operand in shared memory in the 128-byte swizzle. `leading` and `stride` in bytes.
__device__ __forceinline__ std::uint64_t descriptor(std::uint32_t address, int leading, int stride) {
    return static_cast<std::uint64_t>((address & 0x3ffff) >> 4) |
           static_cast<std::uint64_t>(leading >> 4) << 16 | static_cast<std::uint64_t>(stride >> 4) << 32 |
           std::uint64_t{1} << 62;
}

/// Before the first wgmma and whenever registers it uses (accumulators, A) were written since the last one.
__device__ __forceinline__ void wgmma_fence() { asm volatile("wgmma.fence.sync.aligned;" ::: "memory"); }
__device__ __forceinline__ void wgmma_commit() {
    asm volatile("wgmma.commit_group.sync.aligned;" ::: "memory");
}
/// Waits until all but the last `Groups` committed groups are done.
template <int Groups>
__device__ __forceinline__ void wgmma_wait() {
    asm volatile("wgmma.wait_group.sync.aligned %0;" ::"n"(Groups) : "memory");
}
/// Keeps the compiler from moving uses of accumulators across this place (it does not know that wgmma writes
/// them later).
template <int N>
__device__ __forceinline__ void wgmma_hold(float (&d)[N]) {
#pragma unroll
    for (int i = 0; i < N; ++i) asm volatile("" : "+f"(d[i])::"memory");
}
template <int N>
__device__ __forceinline__ void wgmma_hold(std::uint32_t (&a)[N]) {
#pragma unroll
    for (int i = 0; i < N; ++i) asm volatile("" : "+r"(a[i])::"memory");
}

template <int N>
struct Wgmma;

// Accumulators as asm operands: their names in the text, and the constraints.
#define WISHBONE_NAMES_8 "%0, %1, %2, %3, %4, %5, %6, %7"
#define WISHBONE_NAMES_16 \
    WISHBONE_NAMES_8      \
    ", %8, %9, %10, %11, %12, %13, %14, %15"
#define WISHBONE_NAMES_32 \
    WISHBONE_NAMES_16     \
    ", %16, %17, %18, %19, %20, %21, %22, %23, %24, %25, %26, %27, %28, %29, %30, %31"
#define WISHBONE_NAMES_40 \
    WISHBONE_NAMES_32     \
    ", %32, %33, %34, %35, %36, %37, %38, %39"
#define WISHBONE_NAMES_48 \
    WISHBONE_NAMES_40     \
    ", %40, %41, %42, %43, %44, %45, %46, %47"
#define WISHBONE_NAMES_64 \
    WISHBONE_NAMES_48     \
    ", %48, %49, %50, %51, %52, %53, %54, %55, %56, %57, %58, %59, %60, %61, %62, %63"
#define WISHBONE_NAMES_96                                                              \
    WISHBONE_NAMES_64                                                                  \
    ", %64, %65, %66, %67, %68, %69, %70, %71, %72, %73, %74, %75, %76, %77, %78, %79" \
    ", %80, %81, %82, %83, %84, %85, %86, %87, %88, %89, %90, %91, %92, %93, %94, %95"
#define WISHBONE_NAMES_128                                                                         \
    WISHBONE_NAMES_96                                                                              \
    ", %96, %97, %98, %99, %100, %101, %102, %103, %104, %105, %106, %107, %108, %109, %110, %111" \
    ", %112, %113, %114, %115, %116, %117, %118, %119, %120, %121, %122, %123, %124, %125, %126, %127"
#define WISHBONE_HELD_8(i)                                                                      \
    "+f"(d[i]), "+f"(d[i + 1]), "+f"(d[i + 2]), "+f"(d[i + 3]), "+f"(d[i + 4]), "+f"(d[i + 5]), \
        "+f"(d[i + 6]), "+f"(d[i + 7])
#define WISHBONE_HELD_16(i) WISHBONE_HELD_8(i), WISHBONE_HELD_8(i + 8)
#define WISHBONE_HELD_32(i) WISHBONE_HELD_16(i), WISHBONE_HELD_16(i + 16)
#define WISHBONE_HELD_40(i) WISHBONE_HELD_32(i), WISHBONE_HELD_8(i + 32)
#define WISHBONE_HELD_48(i) WISHBONE_HELD_32(i), WISHBONE_HELD_16(i + 32)
#define WISHBONE_HELD_64(i) WISHBONE_HELD_32(i), WISHBONE_HELD_32(i + 32)
#define WISHBONE_HELD_96(i) WISHBONE_HELD_64(i), WISHBONE_HELD_32(i + 64)
#define WISHBONE_HELD_128(i) WISHBONE_HELD_64(i), WISHBONE_HELD_64(i + 64)

// N, the number of accumulators H = N / 2, and the numbers H, H + 1, ... of the operands behind them.
#define WISHBONE_WGMMA(N, H, o0, o1, o2, o3, o4, o5, o6)                                                    \
    template <>                                                                                             \
    struct Wgmma<N> {                                                                                       \
        template <int TransposeA, int TransposeB>                                                           \
        static __device__ __forceinline__ void ss(float (&d)[H], std::uint64_t a, std::uint64_t b,          \
                                                  int accumulate) {                                         \
            asm volatile("{\n.reg .pred p;\nsetp.ne.b32 p, %" #o2                                           \
                         ", 0;\nwgmma.mma_async.sync.aligned.m64n" #N                                       \
                         "k16.f32.bf16.bf16 {" WISHBONE_NAMES_##H "}, %" #o0 ", %" #o1 ", p, 1, 1, %" #o3   \
                                                                  ", %" #o4 ";\n}"                          \
                         : WISHBONE_HELD_##H(0)                                                             \
                         : "l"(a), "l"(b), "r"(accumulate), "n"(TransposeA), "n"(TransposeB));              \
        }                                                                                                   \
        template <int TransposeB>                                                                           \
        static __device__ __forceinline__ void rs(float (&d)[H], std::uint32_t a0, std::uint32_t a1,        \
                                                  std::uint32_t a2, std::uint32_t a3, std::uint64_t b,      \
                                                  int accumulate) {                                         \
            asm volatile("{\n.reg .pred p;\nsetp.ne.b32 p, %" #o5                                           \
                         ", 0;\nwgmma.mma_async.sync.aligned.m64n" #N                                       \
                         "k16.f32.bf16.bf16 {" WISHBONE_NAMES_##H "}, {%" #o0 ", %" #o1 ", %" #o2 ", %" #o3 \
                                                                  "}, %" #o4 ", p, 1, 1, %" #o6 ";\n}"      \
                         : WISHBONE_HELD_##H(0)                                                             \
                         : "r"(a0), "r"(a1), "r"(a2), "r"(a3), "l"(b), "r"(accumulate), "n"(TransposeB));   \
        }                                                                                                   \
    };
WISHBONE_WGMMA(16, 8, 8, 9, 10, 11, 12, 13, 14)
WISHBONE_WGMMA(32, 16, 16, 17, 18, 19, 20, 21, 22)
WISHBONE_WGMMA(64, 32, 32, 33, 34, 35, 36, 37, 38)
WISHBONE_WGMMA(80, 40, 40, 41, 42, 43, 44, 45, 46)
WISHBONE_WGMMA(96, 48, 48, 49, 50, 51, 52, 53, 54)
WISHBONE_WGMMA(128, 64, 64, 65, 66, 67, 68, 69, 70)
WISHBONE_WGMMA(192, 96, 96, 97, 98, 99, 100, 101, 102)
WISHBONE_WGMMA(256, 128, 128, 129, 130, 131, 132, 133, 134)
#undef WISHBONE_WGMMA
#undef WISHBONE_NAMES_8
#undef WISHBONE_HELD_8
#undef WISHBONE_NAMES_16
#undef WISHBONE_HELD_16
#undef WISHBONE_NAMES_32
#undef WISHBONE_HELD_32
#undef WISHBONE_NAMES_40
#undef WISHBONE_HELD_40
#undef WISHBONE_NAMES_48
#undef WISHBONE_HELD_48
#undef WISHBONE_NAMES_64
#undef WISHBONE_HELD_64
#undef WISHBONE_NAMES_96
#undef WISHBONE_HELD_96
#undef WISHBONE_NAMES_128
#undef WISHBONE_HELD_128

/// d = A Bᵀ (+ d where `accumulate` is not 0), one step of 16 along k, both operands by descriptor. N: 16,
/// 32, 64, 80, 96, 128, 192 or 256.
template <int N, int TransposeA, int TransposeB>
__device__ __forceinline__ void wgmma_ss(float (&d)[N / 2], std::uint64_t a, std::uint64_t b,
                                         int accumulate) {
    Wgmma<N>::template ss<TransposeA, TransposeB>(d, a, b, accumulate);
}
/// The same with A in registers.
template <int N, int TransposeB>
__device__ __forceinline__ void wgmma_rs(float (&d)[N / 2], std::uint32_t a0, std::uint32_t a1,
                                         std::uint32_t a2, std::uint32_t a3, std::uint64_t b,
                                         int accumulate) {
    Wgmma<N>::template rs<TransposeB>(d, a0, a1, a2, a3, b, accumulate);
}

}  // namespace wishbone::cuda
