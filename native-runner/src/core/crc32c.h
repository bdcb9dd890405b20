#pragma once

#include <cstdint>
#include <string_view>

namespace wishbone {

/// CRC-32C (Castagnoli) of some bytes, as RFC 3720 defines it.
std::uint32_t crc32c(std::string_view bytes);

}  // namespace wishbone
