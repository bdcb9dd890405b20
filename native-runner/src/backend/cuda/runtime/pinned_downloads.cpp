#include "backend/cuda/runtime/pinned_downloads.h"

#include <algorithm>
#include <bit>
#include <utility>
#include <vector>

#include "backend/cuda/runtime/check.h"
#include "backend/cuda/runtime/event.h"

namespace wishbone::cuda {

namespace {

constexpr std::size_t least_bytes = std::size_t{64} << 10;

}  // namespace

struct PinnedDownloads::Piece {
    explicit Piece(std::size_t size) : bytes(size) {
        check(cudaHostAlloc(&memory, bytes, cudaHostAllocDefault), "pinned host memory");
    }
    ~Piece() { (void)cudaFreeHost(memory); }
    Piece(const Piece&) = delete;
    Piece& operator=(const Piece&) = delete;

    std::size_t bytes;
    void* memory = nullptr;
    Event arrived;
};

struct PinnedDownloads::Pieces {
    std::vector<std::unique_ptr<Piece>> free;
};

class PinnedDownloads::Download final : public PendingDownload {
  public:
    Download(std::shared_ptr<Pieces> pieces, std::unique_ptr<Piece> piece, std::size_t bytes)
        : pieces_(std::move(pieces)), piece_(std::move(piece)), bytes_(bytes) {}
    // A copy nobody waited for is followed, on the same stream, by the one that uses the piece next.
    ~Download() override { pieces_->free.push_back(std::move(piece_)); }
    Download(const Download&) = delete;
    Download& operator=(const Download&) = delete;

    bool is_there() const override { return piece_->arrived.has_happened(); }
    std::span<const std::byte> wait() override {
        piece_->arrived.wait();
        return {static_cast<const std::byte*>(piece_->memory), bytes_};
    }

  private:
    std::shared_ptr<Pieces> pieces_;
    std::unique_ptr<Piece> piece_;
    std::size_t bytes_;
};

PinnedDownloads::PinnedDownloads(cudaStream_t stream)
    : stream_(stream), pieces_(std::make_shared<Pieces>()) {}

PinnedDownloads::~PinnedDownloads() = default;

std::unique_ptr<PendingDownload> PinnedDownloads::begin(const void* from, std::size_t bytes) {
    auto& free = pieces_->free;
    const auto found = std::ranges::find_if(
        free, [bytes](const std::unique_ptr<Piece>& piece) { return piece->bytes >= bytes; });
    std::unique_ptr<Piece> piece;
    if (found != free.end()) {
        piece = std::move(*found);
        free.erase(found);
    } else {
        piece = std::make_unique<Piece>(std::max(std::bit_ceil(bytes), least_bytes));
    }
    if (bytes > 0)
        check(cudaMemcpyAsync(piece->memory, from, bytes, cudaMemcpyDeviceToHost, stream_),
              "cudaMemcpyAsync to the host");
    piece->arrived.record(stream_);
    return std::make_unique<Download>(pieces_, std::move(piece), bytes);
}

}  // namespace wishbone::cuda
