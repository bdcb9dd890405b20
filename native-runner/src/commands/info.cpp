#include <cstdio>
#include <nlohmann/json.hpp>

#include "backend/backend.h"
#include "commands/commands.h"
#include "core/version.h"

namespace wishbone {

void info_command(bool json) {
    const auto cpu = make_cpu_backend(0);
    if (!json) {
        std::printf("wishbone-runner %s\n%s: %s, %d threads\n", version, cpu->name().c_str(),
                    cpu->device_name().c_str(), cpu->threads());
        return;
    }
    const nlohmann::ordered_json device = {{"name", cpu->device_name()}, {"threads", cpu->threads()}};
    const nlohmann::ordered_json backend = {
        {"name", cpu->name()}, {"available", true}, {"devices", nlohmann::ordered_json::array({device})}};
    const nlohmann::ordered_json info = {{"version", version},
                                         {"backends", nlohmann::ordered_json::array({backend})}};
    std::printf("%s\n", info.dump().c_str());
}

}  // namespace wishbone
