#pragma once

#include <type_traits>

#include "backend/cuda/attention/mma/attention.h"

namespace wishbone::cuda::mma {

/// Calls `launch(head_dim, extended)` with both as constants: the kernels are compiled for each head size, with and without
/// windows and caps.
template <typename Launch>
void dispatch(const Attention& a, const Launch& launch) {
    const auto of_size = [&](auto extended) {
        switch (a.head_dim) {
            case 64:
                return launch(std::integral_constant<int, 64>{}, extended);
            case 96:
                return launch(std::integral_constant<int, 96>{}, extended);
            case 128:
                return launch(std::integral_constant<int, 128>{}, extended);
            default:
                return launch(std::integral_constant<int, 256>{}, extended);
        }
    };
    if (a.extended()) return of_size(std::true_type{});
    of_size(std::false_type{});
}

}  // namespace wishbone::cuda::mma
