#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

namespace wishbone {

using Sha256State = std::array<std::uint32_t, 8>;

/// FIPS 180-4, section 6.2.2, over whole blocks of 64 bytes.
void sha256_blocks(Sha256State& state, std::span<const std::byte> blocks);

/// The same by instructions that every processor has.
void sha256_blocks_portable(Sha256State& state, std::span<const std::byte> blocks);

}  // namespace wishbone
