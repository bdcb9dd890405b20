#include "core/sha256_blocks.h"

#include <bit>

#if defined(__x86_64__) && defined(__GNUC__)
#include <cpuid.h>
#include <immintrin.h>
#endif

namespace wishbone {

namespace {

constexpr std::size_t block_bytes = 64;

// FIPS 180-4, section 4.2.2: fractional parts of the cube roots of the first 64 primes.
alignas(16) constexpr std::array<std::uint32_t, 64> round_constant = {
    0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5,
    0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174,
    0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da,
    0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967,
    0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85,
    0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070,
    0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3,
    0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2};

std::uint32_t big_endian(const std::byte* p) {
    return std::to_integer<std::uint32_t>(p[0]) << 24 | std::to_integer<std::uint32_t>(p[1]) << 16 |
           std::to_integer<std::uint32_t>(p[2]) << 8 | std::to_integer<std::uint32_t>(p[3]);
}

void portable_block(Sha256State& state, const std::byte* data) {
    std::array<std::uint32_t, 64> w;
    for (std::size_t t = 0; t < 16; ++t) w[t] = big_endian(data + 4 * t);
    for (std::size_t t = 16; t < 64; ++t) {
        const std::uint32_t s0 = std::rotr(w[t - 15], 7) ^ std::rotr(w[t - 15], 18) ^ (w[t - 15] >> 3);
        const std::uint32_t s1 = std::rotr(w[t - 2], 17) ^ std::rotr(w[t - 2], 19) ^ (w[t - 2] >> 10);
        w[t] = w[t - 16] + s0 + w[t - 7] + s1;
    }
    auto [a, b, c, d, e, f, g, h] = state;
    for (std::size_t t = 0; t < 64; ++t) {
        const std::uint32_t sum1 = std::rotr(e, 6) ^ std::rotr(e, 11) ^ std::rotr(e, 25);
        const std::uint32_t t1 = h + sum1 + ((e & f) ^ (~e & g)) + round_constant[t] + w[t];
        const std::uint32_t sum0 = std::rotr(a, 2) ^ std::rotr(a, 13) ^ std::rotr(a, 22);
        const std::uint32_t t2 = sum0 + ((a & b) ^ (a & c) ^ (b & c));
        h = g, g = f, f = e, e = d + t1, d = c, c = b, b = a, a = t1 + t2;
    }
    const Sha256State add = {a, b, c, d, e, f, g, h};
    for (std::size_t i = 0; i < state.size(); ++i) state[i] += add[i];
}

#if defined(__x86_64__) && defined(__GNUC__)

bool has_sha_instructions() {
    unsigned a = 0, b = 0, c = 0, d = 0;
    return __builtin_cpu_supports("ssse3") != 0 && __builtin_cpu_supports("sse4.1") != 0 &&
           __get_cpuid_count(7, 0, &a, &b, &c, &d) != 0 && (b & bit_SHA) != 0;
}

/// By the processor's SHA extensions (Intel 64 and IA-32 Architectures Software Developer's Manual, volume 2, SHA256RNDS2): two rounds an
/// instruction, on halves of the state with a and c in their highest words.
__attribute__((target("sha,ssse3,sse4.1"))) void extended_blocks(Sha256State& state,
                                                                 std::span<const std::byte> blocks) {
    auto* const whole = reinterpret_cast<__m128i*>(state.data());
    const __m128i abcd = _mm_loadu_si128(whole), efgh = _mm_loadu_si128(whole + 1);
    constexpr int swap_pairs = 0xb1;
    __m128i abef = _mm_shuffle_epi32(_mm_unpacklo_epi64(efgh, abcd), swap_pairs);
    __m128i cdgh = _mm_shuffle_epi32(_mm_unpackhi_epi64(efgh, abcd), swap_pairs);
    const __m128i big_endian_words = _mm_set_epi64x(0x0c0d0e0f08090a0b, 0x0405060700010203);
    for (std::size_t at = 0; at + block_bytes <= blocks.size(); at += block_bytes) {
        const __m128i abef_before = abef, cdgh_before = cdgh;
        __m128i w[4];
        for (std::size_t i = 0; i < 4; ++i)
            w[i] = _mm_shuffle_epi8(
                _mm_loadu_si128(reinterpret_cast<const __m128i*>(blocks.data() + at + 16 * i)),
                big_endian_words);
        for (std::size_t i = 0; i < 16; ++i) {
            const __m128i now = w[i % 4];
            const __m128i added =
                _mm_add_epi32(now, _mm_load_si128(reinterpret_cast<const __m128i*>(&round_constant[4 * i])));
            cdgh = _mm_sha256rnds2_epu32(cdgh, abef, added);
            abef = _mm_sha256rnds2_epu32(abef, cdgh, _mm_shuffle_epi32(added, 0x0e));
            // The words four groups on.
            const __m128i last = w[(i + 3) % 4];
            const __m128i sum = _mm_add_epi32(_mm_sha256msg1_epu32(now, w[(i + 1) % 4]),
                                              _mm_alignr_epi8(last, w[(i + 2) % 4], 4));
            w[i % 4] = _mm_sha256msg2_epu32(sum, last);
        }
        abef = _mm_add_epi32(abef, abef_before);
        cdgh = _mm_add_epi32(cdgh, cdgh_before);
    }
    const __m128i efab = _mm_shuffle_epi32(abef, swap_pairs), ghcd = _mm_shuffle_epi32(cdgh, swap_pairs);
    _mm_storeu_si128(whole, _mm_unpackhi_epi64(efab, ghcd));
    _mm_storeu_si128(whole + 1, _mm_unpacklo_epi64(efab, ghcd));
}

#endif

}  // namespace

void sha256_blocks_portable(Sha256State& state, std::span<const std::byte> blocks) {
    for (std::size_t at = 0; at + block_bytes <= blocks.size(); at += block_bytes)
        portable_block(state, blocks.data() + at);
}

void sha256_blocks(Sha256State& state, std::span<const std::byte> blocks) {
#if defined(__x86_64__) && defined(__GNUC__)
    static const bool extended = has_sha_instructions();
    if (extended) return extended_blocks(state, blocks);
#endif
    sha256_blocks_portable(state, blocks);
}

}  // namespace wishbone
