#include "backend/registry.h"

#include <algorithm>
#include <iterator>

#include "core/error.h"

namespace wishbone {

namespace {

constexpr std::size_t kib = 1024, mib = 1024 * kib;

BackendStatus cpu_status() {
    const auto cpu = make_cpu_backend(0);
    BackendStatus status;
    status.devices.push_back(
        {.name = cpu->device_name(), .threads = cpu->threads(), .capability = {}, .memory = 0});
    return status;
}

BackendStatus cuda_status() {
    CudaInfo info = cuda_info();
    BackendStatus status = {{}, info.problem};
    for (const CudaDeviceInfo& device : info.devices)
        status.devices.push_back(
            {.name = device.name, .threads = 0, .capability = device.capability, .memory = device.memory});
    return status;
}

std::size_t as_asked(std::size_t bytes) { return bytes; }

/// As cuda/runtime/device_memory.cpp does.
std::size_t cuda_rounded(std::size_t bytes) {
    const std::size_t unit = bytes <= 64 * kib ? 512 : bytes <= 4 * mib ? 64 * kib : 2 * mib;
    return (bytes + unit - 1) / unit * unit;
}

constexpr RegisteredBackend table[] = {
    {
        .name = "cpu",
        .status = cpu_status,
        .make = [](const BackendChoice& choice) { return make_cpu_backend(choice.threads); },
        .memory =
            {.activations = DType::f32, .kept_logits = 512 * mib, .is_of_host = true, .rounded = as_asked},
        .threads_decide_bits = true,
    },
    {
        .name = "cuda",
        .status = cuda_status,
        .make = [](const BackendChoice& choice) { return make_cuda_backend(choice.cuda); },
        // A context, the kernels loaded into it and cuBLASLt's, and what of memory is not counted one by one: tile lists, tables of
        // partial sums, blocks kept for the next bin. Measured with models of 1 to 8 billion parameters.
        .memory =
            {.activations = DType::bf16,
             .driver = 1900 * mib,
             .library = 64 * mib,
             // What NCCL keeps: buffers for its channels and its kernels, without NVLink multicast. 0.8 GiB on each of two H200.
             .communication = 820 * mib,
             .kept_logits = 2048 * mib,
             .logits_chunk = 512 * mib,
             // On Hopper, with heads of 64 and 128 and those that are padded to them; those of 96 and 256 keep none.
             .score_gradients = [](std::int64_t head_dim) -> std::size_t {
                 if (head_dim <= 64) return 640 * mib;
                 return head_dim > 96 && head_dim <= 128 ? 1152 * mib : 0;
             },
             .has_workspaces = true,
             .rounded = cuda_rounded},
        .has_bf16_moments = true,
        .is_slow_at_first = true,
    },
};

}  // namespace

std::span<const RegisteredBackend> backends() { return table; }

const RegisteredBackend& backend_named(std::string_view name) {
    const auto found = std::ranges::find(table, name, &RegisteredBackend::name);
    if (found == std::end(table))
        throw Error(ExitCode::internal, "There is no backend \"" + std::string(name) + "\"",
                    "backend/registry", "Report this.");
    return *found;
}

std::vector<std::string> backend_choices() {
    std::vector<std::string> names = {"auto"};
    for (const RegisteredBackend& backend : table) names.emplace_back(backend.name);
    return names;
}

}  // namespace wishbone
