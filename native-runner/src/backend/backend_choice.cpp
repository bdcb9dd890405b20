#include "backend/backend_choice.h"

#include <cstdio>

#include "core/error.h"
#include "core/terminal.h"

namespace wishbone {

std::unique_ptr<Backend> make_backend(const BackendChoice& choice) {
    if (choice.name == "cpu") return make_cpu_backend(choice.threads);
    if (choice.name == "cuda") return make_cuda_backend(choice.cuda);
    const CudaInfo cuda = cuda_info();
    if (!cuda.devices.empty()) {
        try {
            return make_cuda_backend(choice.cuda);
        } catch (const Error& error) {
            std::fprintf(stderr, "no GPU: %s; working on the CPU\n", printable(error.what()).c_str());
            return make_cpu_backend(choice.threads);
        }
    }
    std::fprintf(stderr, "no GPU: %s; working on the CPU\n", printable(cuda.problem).c_str());
    return make_cpu_backend(choice.threads);
}

}  // namespace wishbone
