#include "conformance/target.h"

#include <cstdio>
#include <memory>

namespace wishbone::conformance {

const Target& cpu_target() {
    static const Target target{"cpu", []() -> Backend& {
                                   static const std::unique_ptr<Backend> backend = make_cpu_backend(2);
                                   return *backend;
                               }};
    return target;
}

const Target& cuda_target() {
    static const Target target{"cuda", []() -> Backend& {
                                   static const std::unique_ptr<Backend> backend = make_cuda_backend({});
                                   return *backend;
                               }};
    return target;
}

bool have_cuda() {
    static const bool usable = [] {
        const CudaInfo info = cuda_info();
        if (info.devices.empty()) std::fprintf(stderr, "GPU tests are skipped: %s\n", info.problem.c_str());
        return !info.devices.empty();
    }();
    return usable;
}

}  // namespace wishbone::conformance
