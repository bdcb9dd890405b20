#pragma once

#include <cstdint>

/// Compiles a function once for AVX-512, once for AVX2 and once for any x86-64, and picks at load time. Such
/// functions are plain loops over rows; sharing out rows between threads stays outside, since lambdas would
/// not be cloned. Only with glibc does the loader resolve clones, and only GCC accepts the attribute in this
/// form. Sanitizers are not ready yet when the loader asks for the choice.
#if defined(__x86_64__) && defined(__GLIBC__) && defined(__GNUC__) && !defined(__clang__) && \
    !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
#define WISHBONE_CLONES __attribute__((target_clones("arch=x86-64-v4", "arch=x86-64-v3", "default")))
#else
#define WISHBONE_CLONES
#endif

#define WISHBONE_INLINE inline __attribute__((always_inline))

namespace wishbone::cpu {

/// e^x within 2 ulp, 0 below -87.3, finite above 88. Branch-free, so that loops over it become vector code.
/// x = n ln 2 + r with |r| <= ln2 / 2; the Taylor series to r^7 leaves 5e-9.
WISHBONE_INLINE float exp_fast(float x) {
    constexpr float log2_e = 1.44269504f;
    constexpr float ln2_high = 0.693145752f;  // 15 leading bits: n * ln2_high is exact
    constexpr float ln2_low = 1.42860677e-6f;
    constexpr float round = 12582912.0f;  // 1.5 * 2^23: adding it rounds to an integer
    const float clamped = x < -87.3f ? -87.3f : (x > 88.0f ? 88.0f : x);
    const float n = (clamped * log2_e + round) - round;
    const float r = (clamped - n * ln2_high) - n * ln2_low;
    float series = 1.0f / 5040;
    series = series * r + 1.0f / 720;
    series = series * r + 1.0f / 120;
    series = series * r + 1.0f / 24;
    series = series * r + 1.0f / 6;
    series = series * r + 0.5f;
    series = series * r + 1.0f;
    series = series * r + 1.0f;
    const float power = __builtin_bit_cast(float, (static_cast<std::int32_t>(n) + 127) << 23);
    return x < -87.3f ? 0.0f : series * power;
}

/// tanh within a few ulp: its series to x^13 where 1 - e^-2x would cancel, branch-free.
WISHBONE_INLINE float tanh_fast(float x) {
    const float size = x < 0 ? -x : x, square = x * x;
    float series = 21844.0f / 6081075;
    series = series * square - 1382.0f / 155925;
    series = series * square + 62.0f / 2835;
    series = series * square - 17.0f / 315;
    series = series * square + 2.0f / 15;
    series = series * square - 1.0f / 3;
    const float small = x + x * square * series;
    const float fallen = exp_fast(-2.0f * size), large = (1.0f - fallen) / (1.0f + fallen);
    return size < 0.4f ? small : (x < 0 ? -large : large);
}

WISHBONE_INLINE float sigmoid_fast(float x) { return 1.0f / (1.0f + exp_fast(-x)); }

}  // namespace wishbone::cpu
