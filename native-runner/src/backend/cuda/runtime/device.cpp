#include "backend/cuda/runtime/device.h"

#include <cuda_runtime_api.h>

#include <algorithm>

#include "backend/cuda/runtime/check.h"

namespace wishbone::cuda {
namespace {

constexpr int least_capability = 80;

/// "13.0" from 13000.
std::string version_text(int version) {
    return std::to_string(version / 1000) + "." + std::to_string(version % 1000 / 10);
}

std::string why_no_device(cudaError_t status) {
    int driver = 0;
    if (cudaDriverGetVersion(&driver) != cudaSuccess) driver = 0;
    if (driver == 0) return "There is no NVIDIA driver on this machine (libcuda.so.1 cannot be loaded).";
    if (status == cudaErrorInsufficientDriver)
        return "The NVIDIA driver is too old: it serves CUDA " + version_text(driver) +
               ", this runner needs " + version_text(CUDART_VERSION) + ".";
    if (status == cudaErrorNoDevice)
        return "The NVIDIA driver sees no GPU (see nvidia-smi and CUDA_VISIBLE_DEVICES).";
    return std::string("The NVIDIA driver cannot be used: ") + cudaGetErrorString(status) + ".";
}

std::string bus_id_of(int ordinal) {
    char text[32] = "";
    check(cudaDeviceGetPCIBusId(text, sizeof text, ordinal), "cudaDeviceGetPCIBusId");
    return text;
}

}  // namespace

DeviceList find_devices() {
    DeviceList list;
    int count = 0;
    const cudaError_t status = cudaGetDeviceCount(&count);
    if (status != cudaSuccess) {
        (void)cudaGetLastError();  // it stays for the next call otherwise
        list.problem = why_no_device(status);
        return list;
    }
    std::string old;
    for (int ordinal = 0; ordinal < count; ++ordinal) {
        cudaDeviceProp properties;
        check(cudaGetDeviceProperties(&properties, ordinal), "cudaGetDeviceProperties");
        const int capability = 10 * properties.major + properties.minor;
        if (capability < least_capability) {
            old = properties.name;
            continue;
        }
        list.devices.push_back({ordinal, capability, properties.multiProcessorCount,
                                properties.totalGlobalMem, properties.name, bus_id_of(ordinal)});
    }
    if (list.devices.empty())
        list.problem = old.empty()
                           ? why_no_device(cudaErrorNoDevice)
                           : "The GPU " + old + " is too old: compute capability 8.0 (Ampere) is needed.";
    return list;
}

Device use_device(int ordinal) {
    const DeviceList list = find_devices();
    if (list.devices.empty())
        throw bad_input(list.problem, "cuda backend", "Install a current NVIDIA driver, or run on the CPU.");
    const auto found = std::ranges::find(list.devices, ordinal, &Device::ordinal);
    if (found == list.devices.end())
        throw bad_input("There is no usable GPU with number " + std::to_string(ordinal), "cuda backend",
                        "GPU numbers begin at 0; nvidia-smi lists them.");
    check(cudaSetDevice(ordinal), "cudaSetDevice");
    return *found;
}

}  // namespace wishbone::cuda
