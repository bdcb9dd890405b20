#pragma once

#include <bit>
#include <cstdint>

namespace wishbone {

/// The longest of the lengths that are alike to a matrix product: two leading bits are kept, so 8193 to 12288 and 12289 to 16384
/// are classes. Bins of all lengths thus make few, and the longer a product the less its best algorithm depends on the length.
constexpr std::int64_t length_class(std::int64_t length) {
    const auto bits = std::bit_width(static_cast<std::uint64_t>(length));
    const std::int64_t step = bits > 2 ? std::int64_t{1} << (bits - 2) : 1;
    return (length + step - 1) / step * step;
}

}  // namespace wishbone
