// Stands in for ranks over NCCL in a runner that was built without CUDA (WISHBONE_CUDA=OFF).

#include "comm/nccl/nccl_ranks.h"

namespace wishbone {

std::vector<std::unique_ptr<Communicator>> make_nccl_ranks(std::span<Backend* const>, const std::string&,
                                                           std::chrono::duration<double>, ProcessGroup*) {
    throw bad_input("This runner was built without CUDA", "several GPUs",
                    "Install the package of Wishbone that has it, or use the backend \"cpu\".");
}

std::string why_gpus_stay_apart() { return "This runner was built without CUDA."; }

}  // namespace wishbone
