// Stands in for the CUDA backend in a runner that was built without it (WISHBONE_CUDA=OFF).

#include "backend/backend.h"
#include "core/error.h"

namespace wishbone {

namespace {

constexpr const char* problem = "This runner was built without CUDA";

}  // namespace

std::unique_ptr<Backend> make_cuda_backend(const CudaOptions&) {
    throw bad_input(problem, "backend cuda",
                    "Install the package of Wishbone that has it, or use the backend \"cpu\".");
}

CudaInfo cuda_info() { return {{}, problem}; }

}  // namespace wishbone
