#pragma once

#include <memory>
#include <span>
#include <string>
#include <vector>

#include "backend/backend.h"
#include "comm/communicator.h"
#include "comm/processes/process_group.h"

namespace wishbone {

/// Of the GPUs of this process, by rank: tensors through NCCL, on a stream beside each backend's, numbers in host memory. Every
/// operation first meets the other ranks' threads, so that one that does not come is found out within the time limit. `backends`
/// are CUDA's and must outlive the ranks, as must `processes`: with those, these are the ranks of this process among those of all.
/// `library`: see nccl::Library. Throws Error(bad_input) where there is no NCCL that will
/// do, and in a runner that was built without CUDA.
std::vector<std::unique_ptr<Communicator>> make_nccl_ranks(
    std::span<Backend* const> backends, const std::string& library = "",
    std::chrono::duration<double> time_limit = rank_time_limit, ProcessGroup* processes = nullptr);

/// Why several GPUs cannot work on one run here: what is missing, and what to do. Empty where they can.
std::string why_gpus_stay_apart();

}  // namespace wishbone
