#pragma once

#include <cstddef>
#include <functional>
#include <span>
#include <vector>

#include "core/tensor.h"

namespace wishbone {

/// A tensor in host memory, whether it comes to the device before it is worked on there, and whether it goes back afterwards.
struct StreamedTensor {
    Tensor on_host;
    bool comes = true, goes = true;
};

/// Tensors that are on the device together, and what is asked of the backend with them there.
struct StreamedPiece {
    std::vector<StreamedTensor> tensors;
    std::function<void(std::span<const Tensor> on_device)> work;

    /// Of device memory.
    std::size_t bytes() const {
        std::size_t sum = 0;
        for (const StreamedTensor& tensor : tensors) sum += room_of(tensor);
        return sum;
    }
    /// The tensors one behind the other in memory of a device.
    std::vector<Tensor> placed(void* memory) const {
        std::vector<Tensor> all;
        auto* place = static_cast<std::byte*>(memory);
        for (const StreamedTensor& tensor : tensors) {
            all.push_back(tensor.on_host);
            all.back().data = place;
            place += room_of(tensor);
        }
        return all;
    }

  private:
    static std::size_t room_of(const StreamedTensor& tensor) {
        constexpr std::size_t alignment = 512;
        return (tensor.on_host.bytes() + alignment - 1) / alignment * alignment;
    }
};

/// Pieces that are on a device at once: one comes, one is worked on, one goes.
inline constexpr std::size_t pieces_at_once = 3;

}  // namespace wishbone
