#include <cstdio>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "backend/registry.h"
#include "comm/nccl/nccl_ranks.h"
#include "commands/commands.h"
#include "core/version.h"

namespace wishbone {

namespace {

using Json = nlohmann::ordered_json;

Json to_json(const BackendDevice& device) {
    Json json = {{"name", device.name}};
    if (device.threads > 0) json["threads"] = device.threads;
    if (!device.capability.empty()) json["capability"] = device.capability;
    if (device.memory > 0) json["memory"] = device.memory;
    return json;
}

/// Why its devices cannot work on one run, where there are several; a library that is there is loaded for it.
std::string why_apart(const BackendStatus& status) {
    return status.devices.size() > 1 ? why_gpus_stay_apart() : "";
}

Json to_json(const RegisteredBackend& backend) {
    const BackendStatus status = backend.status();
    Json devices = Json::array();
    for (const BackendDevice& device : status.devices) devices.push_back(to_json(device));
    Json json = {
        {"name", backend.name}, {"available", status.problem.empty()}, {"devices", std::move(devices)}};
    if (!status.problem.empty()) json["problem"] = status.problem;
    if (const std::string why = why_apart(status); !why.empty()) json["apart"] = why;
    return json;
}

void print_for_people(const RegisteredBackend& backend) {
    const std::string name(backend.name);
    const BackendStatus status = backend.status();
    if (!status.problem.empty()) std::printf("%s: not available: %s\n", name.c_str(), status.problem.c_str());
    for (std::size_t i = 0; i < status.devices.size(); ++i) {
        const BackendDevice& device = status.devices[i];
        std::printf("%s%s: %s", name.c_str(), device.threads > 0 ? "" : (" " + std::to_string(i)).c_str(),
                    device.name.c_str());
        if (device.threads > 0) std::printf(", %d threads", device.threads);
        if (!device.capability.empty()) std::printf(", compute capability %s", device.capability.c_str());
        if (device.memory > 0) std::printf(", %.1f GiB", static_cast<double>(device.memory) / (1U << 30U));
        std::printf("\n");
    }
    if (const std::string why = why_apart(status); !why.empty())
        std::printf("%s: one device a run: %s\n", name.c_str(), why.c_str());
}

}  // namespace

void info_command(bool json) {
    if (!json) {
        std::printf("wishbone-runner %s\n", version);
        for (const RegisteredBackend& backend : backends()) print_for_people(backend);
        return;
    }
    Json all = Json::array();
    for (const RegisteredBackend& backend : backends()) all.push_back(to_json(backend));
    const Json info = {{"version", version}, {"backends", std::move(all)}};
    std::printf("%s\n", info.dump().c_str());
}

}  // namespace wishbone
