#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <span>
#include <string>

#include "core/sha256_blocks.h"

namespace wishbone {

/// SHA-256 (FIPS 180-4, section 6.2) of bytes given in pieces.
class Sha256 {
  public:
    void update(std::span<const std::byte> data);
    /// The digest as 64 lower-case hexadecimal digits. The object must not be used afterwards.
    std::string hex();

  private:
    Sha256State state_ = {0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a,
                          0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19};
    std::array<std::byte, 64> pending_{};
    std::size_t pending_bytes_ = 0;
    std::uint64_t total_bytes_ = 0;
};

/// Throws Error(bad_input) when the file cannot be read.
std::string sha256_of_file(const std::filesystem::path& file);

}  // namespace wishbone
