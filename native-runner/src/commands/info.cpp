#include <cstdio>
#include <nlohmann/json.hpp>

#include "backend/backend.h"
#include "commands/commands.h"
#include "core/version.h"

namespace wishbone {

namespace {

using Json = nlohmann::ordered_json;

Json cpu_json(const Backend& cpu) {
    const Json device = {{"name", cpu.device_name()}, {"threads", cpu.threads()}};
    return {{"name", "cpu"}, {"available", true}, {"devices", Json::array({device})}};
}

Json cuda_json(const CudaInfo& cuda) {
    Json devices = Json::array();
    for (const CudaDeviceInfo& device : cuda.devices)
        devices.push_back(
            {{"name", device.name}, {"capability", device.capability}, {"memory", device.memory}});
    Json backend = {{"name", "cuda"}, {"available", cuda.problem.empty()}, {"devices", std::move(devices)}};
    if (!cuda.problem.empty()) backend["problem"] = cuda.problem;
    return backend;
}

void print_for_people(const Backend& cpu, const CudaInfo& cuda) {
    std::printf("wishbone-runner %s\ncpu: %s, %d threads\n", version, cpu.device_name().c_str(),
                cpu.threads());
    if (!cuda.problem.empty()) std::printf("cuda: not available: %s\n", cuda.problem.c_str());
    for (std::size_t i = 0; i < cuda.devices.size(); ++i) {
        const CudaDeviceInfo& device = cuda.devices[i];
        std::printf("cuda %zu: %s, compute capability %s, %.1f GiB\n", i, device.name.c_str(),
                    device.capability.c_str(), static_cast<double>(device.memory) / (1U << 30U));
    }
}

}  // namespace

void info_command(bool json) {
    const auto cpu = make_cpu_backend(0);
    const CudaInfo cuda = cuda_info();
    if (!json) {
        print_for_people(*cpu, cuda);
        return;
    }
    const Json info = {{"version", version}, {"backends", Json::array({cpu_json(*cpu), cuda_json(cuda)})}};
    std::printf("%s\n", info.dump().c_str());
}

}  // namespace wishbone
