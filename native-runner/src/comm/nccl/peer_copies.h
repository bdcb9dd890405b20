#pragma once

#include <cuda_runtime_api.h>

#include <array>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "backend/cuda/runtime/event.h"
#include "backend/cuda/runtime/stream.h"
#include "comm/communicator.h"
#include "comm/nccl/sum_in_order.h"

namespace wishbone {

/// Whether each of these devices can read the memory of each other one.
bool reach_each_other(std::span<const int> devices);

/// Sums and collects tensors of the GPUs of this process by copies from one to the other. NCCL's kernels take multiprocessors from what is
/// computed meanwhile; copies take none, and what they bring is added by a kernel that is soon over. Sums add in the order of parts.
///
/// A rank has one, made and called in its thread, on its device. An operation begins after what `backend` was given before it, beside
/// operations before it, and what comes to `after` later finds it done. When a call returns, all ranks of the process have made it.
class PeerCopies {
  public:
    static constexpr std::size_t most_ranks = Summands::most;

    /// Takes 128 MiB for what comes. `host`: the same ranks, which must outlive it.
    explicit PeerCopies(HostCommunicator& host);
    PeerCopies(const PeerCopies&) = delete;
    PeerCopies& operator=(const PeerCopies&) = delete;

    /// As Communicator's, of the ranks of this process.
    void all_reduce(cudaStream_t backend, cudaStream_t after, Tensor x_accumulated);
    void reduce_scatter(cudaStream_t backend, cudaStream_t after, Tensor own, Tensor all);
    void all_gather(cudaStream_t backend, cudaStream_t after, Tensor all, Tensor own);

  private:
    /// What a rank shows the others in an operation.
    struct Offer {
        void* data = nullptr;
        std::int64_t elements = 0;
        cuda::Event ready;   ///< the data is there
        cuda::Event summed;  ///< this rank's part of the sum is there
        cuda::Event taken;   ///< this rank has copied all it wants from others
    };
    /// Elements of a part.
    struct Range {
        std::int64_t begin = 0, end = 0;
    };
    struct Slot {
        float* memory = nullptr;
        cuda::Event full, empty;
    };
    struct Free {
        void operator()(float* memory) const { (void)cudaFree(memory); }
    };

    std::size_t parts() const { return static_cast<std::size_t>(host_.parts()); }
    std::size_t part() const { return static_cast<std::size_t>(host_.part()); }
    Range range_of(std::int64_t elements, std::size_t part) const;
    void meet(cudaStream_t backend, cudaStream_t copies, const Tensor& data);
    void part_company(cudaStream_t copies, cudaStream_t after);
    void sum(float* to, const Tensor& all, Range range);
    void collect(const Tensor& all, const std::vector<Range>& to, bool is_in_place);

    HostCommunicator& host_;
    std::unique_ptr<float, Free> memory_;
    /// Parts are fetched for a sum while those of the one before are added, and collected beside both. Sums are short, and others wait
    /// for them.
    cuda::Stream fetches_{cuda::Turn::first}, sums_{cuda::Turn::first}, collects_{cuda::Turn::first};
    std::array<Slot, 2> slots_;
    std::size_t next_slot_ = 0;
    Offer own_;
    std::vector<const Offer*> offers_;  ///< of the operation under way, by part
};

}  // namespace wishbone
