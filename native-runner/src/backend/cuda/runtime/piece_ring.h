#pragma once

#include <cuda_runtime_api.h>

#include <array>
#include <cstddef>
#include <memory>
#include <span>
#include <utility>

#include "backend/backend.h"
#include "backend/cuda/runtime/device_memory.h"
#include "backend/cuda/runtime/event.h"
#include "backend/cuda/runtime/stream.h"

namespace wishbone::cuda {

/// Places on the device that pieces of host memory go through in turn: one comes while the one before is worked on and the one
/// before that goes back, each on a stream of its own, so that the bus is used in both directions at once.
class PieceRing {
  public:
    /// `stream`: on which pieces are worked.
    PieceRing(cudaStream_t stream, std::shared_ptr<DeviceMemory> memory)
        : stream_(stream), memory_(std::move(memory)) {}

    /// Backend::stream_pieces.
    void run(std::span<const StreamedPiece> pieces);

  private:
    struct Place {
        Buffer memory;
        Event here, done, gone;
    };

    void reserve(std::span<const StreamedPiece> pieces);
    void pass(Place& place, const StreamedPiece& piece);

    cudaStream_t stream_;
    std::shared_ptr<DeviceMemory> memory_;
    Stream coming_, going_;
    Event begun_;
    std::array<Place, pieces_at_once> places_;
    std::size_t bytes_ = 0;  ///< of a place
};

}  // namespace wishbone::cuda
