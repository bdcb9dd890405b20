#pragma once

#include <cuda_runtime_api.h>

#include <cstddef>
#include <memory>

#include "backend/pending_download.h"

namespace wishbone::cuda {

/// Downloads that are asked for in the order of a stream and waited for one by one, whatever the stream was asked for since. Pinned
/// pieces that come back are used again.
class PinnedDownloads {
  public:
    explicit PinnedDownloads(cudaStream_t stream);
    ~PinnedDownloads();
    PinnedDownloads(const PinnedDownloads&) = delete;
    PinnedDownloads& operator=(const PinnedDownloads&) = delete;

    std::unique_ptr<PendingDownload> begin(const void* from, std::size_t bytes);

  private:
    struct Piece;
    struct Pieces;
    class Download;

    cudaStream_t stream_;
    std::shared_ptr<Pieces> pieces_;  ///< those that nobody has
};

}  // namespace wishbone::cuda
