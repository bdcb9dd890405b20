#pragma once

#include <cstddef>

#include "backend/backend.h"

namespace wishbone::cuda {

/// Large pieces of pinned memory are made of blocks that begin at multiples of this address; the driver copies within a block.
inline constexpr std::size_t pinned_block_bytes = std::size_t{256} << 20;

/// Host memory that the device copies from and to by itself, as fast as its bus, also tens of gigabytes: one thread finds and pins
/// some 1.4 GB/s, so several do. Throws Error(out_of_memory).
Buffer allocate_pinned(int device, std::size_t bytes);

}  // namespace wishbone::cuda
