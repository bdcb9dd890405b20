#include "backend/cuda/runtime/piece_ring.h"

#include <algorithm>
#include <cstdint>
#include <vector>

#include "backend/cuda/runtime/check.h"
#include "backend/cuda/runtime/pinned_memory.h"

namespace wishbone::cuda {
namespace {

/// Either way. The driver copies within a block of pinned memory.
void copy(void* to, const void* from, const void* host, std::size_t bytes, cudaMemcpyKind kind,
          cudaStream_t stream) {
    const auto address = reinterpret_cast<std::uintptr_t>(host);
    for (std::size_t at = 0; at < bytes;) {
        const std::size_t left = pinned_block_bytes - (address + at) % pinned_block_bytes;
        const std::size_t size = std::min(bytes - at, left);
        check(cudaMemcpyAsync(static_cast<std::byte*>(to) + at, static_cast<const std::byte*>(from) + at,
                              size, kind, stream),
              "cudaMemcpyAsync of a piece");
        at += size;
    }
}

/// Waits at the end of a scope, however that is left.
class Waiting {
  public:
    explicit Waiting(std::vector<cudaStream_t> streams) : streams_(std::move(streams)) {}
    ~Waiting() {
        for (const cudaStream_t stream : streams_) (void)cudaStreamSynchronize(stream);
    }
    Waiting(const Waiting&) = delete;
    Waiting& operator=(const Waiting&) = delete;

  private:
    std::vector<cudaStream_t> streams_;
};

}  // namespace

void PieceRing::run(std::span<const StreamedPiece> pieces) {
    reserve(pieces);
    // Earlier work may still use memory that is a place now.
    begun_.record(stream_);
    begun_.hold(coming_.get());
    const Waiting waiting({coming_.get(), stream_, going_.get()});
    for (std::size_t i = 0; i < pieces.size(); ++i) pass(places_[i % places_.size()], pieces[i]);
    check(cudaStreamSynchronize(going_.get()), "cudaStreamSynchronize");
}

void PieceRing::reserve(std::span<const StreamedPiece> pieces) {
    std::size_t most = 0;
    for (const StreamedPiece& piece : pieces) most = std::max(most, piece.bytes());
    if (most <= bytes_) return;
    bytes_ = 0;
    for (Place& place : places_) place.memory.reset();
    for (Place& place : places_) place.memory = take_buffer(memory_, most);
    bytes_ = most;
}

void PieceRing::pass(Place& place, const StreamedPiece& piece) {
    const std::vector<Tensor> on_device = piece.placed(place.memory.get());
    place.gone.hold(coming_.get());
    for (std::size_t i = 0; i < on_device.size(); ++i)
        if (piece.tensors[i].comes)
            copy(on_device[i].data, piece.tensors[i].on_host.data, piece.tensors[i].on_host.data,
                 on_device[i].bytes(), cudaMemcpyHostToDevice, coming_.get());
    place.here.record(coming_.get());
    place.here.hold(stream_);
    piece.work(on_device);
    place.done.record(stream_);
    place.done.hold(going_.get());
    for (std::size_t i = 0; i < on_device.size(); ++i)
        if (piece.tensors[i].goes)
            copy(piece.tensors[i].on_host.data, on_device[i].data, piece.tensors[i].on_host.data,
                 on_device[i].bytes(), cudaMemcpyDeviceToHost, going_.get());
    place.gone.record(going_.get());
}

}  // namespace wishbone::cuda
