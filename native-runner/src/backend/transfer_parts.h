#pragma once

#include <algorithm>
#include <cstdint>

#include "backend/backend.h"

namespace wishbone {

/// Elements that take `transfer_part_bytes`.
inline std::int64_t elements_of_part(const Tensor& tensor) {
    return static_cast<std::int64_t>(transfer_part_bytes / size_of(tensor.dtype));
}

/// Calls `work(begin, part)` for consecutive parts of a tensor, flattened, of at most `elements` each; `begin` is where one
/// begins.
template <typename Work>
void for_each_part(const Tensor& tensor, std::int64_t elements, const Work& work) {
    const Tensor flat = tensor.flattened();
    for (std::int64_t begin = 0; begin < flat.size(); begin += elements)
        work(begin, flat.slice(begin, std::min(begin + elements, flat.size())));
}

}  // namespace wishbone
