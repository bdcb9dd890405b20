#pragma once

#include <cstdint>

/// Hopper's matrix instructions (sm_90a).
///
/// D[64, N] (+)= A[64, 16] B[N, 16]ᵀ by one warpgroup; bf16 operands, f32 accumulators. Thread t of the
/// warpgroup holds of D, with w = t / 32, r = t % 32 / 4, c = t % 4: d[4i + 2h + e] = D[16w + 8h + r][8i + 2c
/// + e]. A in registers has the same order, two elements a word: a[2i + h] = A[16w + 8h + r][8i + 2c .. + 1].
///
/// Tiles in shared memory are rows of 64 elements (128 bytes) in the 128-byte swizzle, 1024-byte aligned, as
/// tma_load_3d leaves them; wider matrices are several such tiles.
///   K-major (rows run along k; transpose bit 0): descriptor(tile + 32 · step, 0, 1024) for k step 0-3.
///   MN-major (rows are k, running along m or n; transpose bit 1): descriptor(tile + 2048 · step, bytes from
///   one 64-wide tile to the next, 1024).
namespace wishbone::cuda::sm90 {

/// Describes an operand in shared memory in the 128-byte swizzle. `leading` and `stride` in bytes.
__device__ __forceinline__ std::uint64_t descriptor(std::uint32_t address, int leading, int stride) {
    return static_cast<std::uint64_t>((address & 0x3ffff) >> 4) |
           static_cast<std::uint64_t>(leading >> 4) << 16 | static_cast<std::uint64_t>(stride >> 4) << 32 |
           std::uint64_t{1} << 62;
}

/// The same of an MN-major operand without a swizzle: matrices of 8 (along k) rows of 8 elements, 128 bytes each, `leading` bytes
/// from one to the next along k, `stride` along m or n.
__device__ __forceinline__ std::uint64_t plain_descriptor(std::uint32_t address, int leading, int stride) {
    return descriptor(address, leading, stride) & ~(std::uint64_t{1} << 62);
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
#define WISHBONE_NAMES_32                                                  \
    "%0, %1, %2, %3, %4, %5, %6, %7, %8, %9, %10, %11, %12, %13, %14, %15" \
    ", %16, %17, %18, %19, %20, %21, %22, %23, %24, %25, %26, %27, %28, %29, %30, %31"
#define WISHBONE_NAMES_48 \
    WISHBONE_NAMES_32     \
    ", %32, %33, %34, %35, %36, %37, %38, %39, %40, %41, %42, %43, %44, %45, %46, %47"
#define WISHBONE_NAMES_64 \
    WISHBONE_NAMES_48     \
    ", %48, %49, %50, %51, %52, %53, %54, %55, %56, %57, %58, %59, %60, %61, %62, %63"
#define WISHBONE_NAMES_128                                                                         \
    WISHBONE_NAMES_64                                                                              \
    ", %64, %65, %66, %67, %68, %69, %70, %71, %72, %73, %74, %75, %76, %77, %78, %79"             \
    ", %80, %81, %82, %83, %84, %85, %86, %87, %88, %89, %90, %91, %92, %93, %94, %95"             \
    ", %96, %97, %98, %99, %100, %101, %102, %103, %104, %105, %106, %107, %108, %109, %110, %111" \
    ", %112, %113, %114, %115, %116, %117, %118, %119, %120, %121, %122, %123, %124, %125, %126, %127"
#define WISHBONE_HELD_8(i)                                                                      \
    "+f"(d[i]), "+f"(d[i + 1]), "+f"(d[i + 2]), "+f"(d[i + 3]), "+f"(d[i + 4]), "+f"(d[i + 5]), \
        "+f"(d[i + 6]), "+f"(d[i + 7])
#define WISHBONE_HELD_16(i) WISHBONE_HELD_8(i), WISHBONE_HELD_8(i + 8)
#define WISHBONE_HELD_32(i) WISHBONE_HELD_16(i), WISHBONE_HELD_16(i + 16)
#define WISHBONE_HELD_48(i) WISHBONE_HELD_32(i), WISHBONE_HELD_16(i + 32)
#define WISHBONE_HELD_64(i) WISHBONE_HELD_32(i), WISHBONE_HELD_32(i + 32)
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
WISHBONE_WGMMA(64, 32, 32, 33, 34, 35, 36, 37, 38)
WISHBONE_WGMMA(96, 48, 48, 49, 50, 51, 52, 53, 54)
WISHBONE_WGMMA(128, 64, 64, 65, 66, 67, 68, 69, 70)
WISHBONE_WGMMA(256, 128, 128, 129, 130, 131, 132, 133, 134)
#undef WISHBONE_WGMMA
#undef WISHBONE_NAMES_32
#undef WISHBONE_NAMES_48
#undef WISHBONE_NAMES_64
#undef WISHBONE_NAMES_128
#undef WISHBONE_HELD_8
#undef WISHBONE_HELD_16
#undef WISHBONE_HELD_32
#undef WISHBONE_HELD_48
#undef WISHBONE_HELD_64
#undef WISHBONE_HELD_128

/// d = A Bᵀ (+ d where `accumulate` is not 0), one step of 16 along k, both operands by descriptor. N: 64,
/// 96, 128 or 256.
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

}  // namespace wishbone::cuda::sm90
