#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "backend/registry.h"
#include "commands/commands.h"
#include "core/host_memory.h"
#include "model/plan_fits.h"
#include "pretrained/model_config.h"
#include "run/config/run_config.h"
#include "run/memory_plan.h"

namespace wishbone {

namespace {

std::string best_with_devices() {
    const auto all = backends();
    const auto found = std::find_if(all.rbegin(), all.rend(),
                                    [](const auto& each) { return !each.status().devices.empty(); });
    return std::string(found == all.rend() ? all.front().name : found->name);
}

}  // namespace

void plan_memory_command(const PlanMemoryArguments& arguments) {
    const RunConfig config = RunConfig::read(arguments.run_folder);
    const std::filesystem::path plan_file = arguments.run_folder / "plan.safetensors";
    const Plan plan = Plan::read(plan_file);
    const ModelConfig model = read_model_config(config.model);
    check_plan_fits(plan, plan_file.string(), model);

    const std::string asked = arguments.backend == "auto" ? config.backend.name : arguments.backend;
    const std::string backend = asked != "auto" ? asked : best_with_devices();
    const std::vector<BackendDevice> devices = backend_named(backend).status().devices;
    MemorySettings settings = {backend, config.recompute.value_or(Recompute::none), config.training,
                               config.training.reference_model.empty()
                                   ? std::nullopt
                                   : std::optional(read_model_config(config.training.reference_model))};
    settings.precision = config.precision;
    const std::vector<int>& named = config.backend.cuda_devices;
    settings.ranks = named.empty() ? config.backend.devices : static_cast<int>(named.size());
    settings.processes = arguments.processes;
    const int all = settings.ranks * settings.processes;
    const auto device = static_cast<std::size_t>(named.empty() ? config.backend.cuda.device : named.front());
    const std::size_t capacity = device < devices.size() ? devices[device].memory : 0;
    const std::size_t context = backend_named(backend).memory.driver;
    settings.offload = config.offload;
    const HostMemory host = host_memory();
    const std::size_t available =
        backend_named(backend).memory.is_of_host
            ? (host.available + host.swap) / static_cast<std::size_t>(settings.ranks)
            : capacity - std::min(capacity, context);
    if (config.shard)
        settings.sharding = *config.shard;
    else if (config.recompute)
        settings.sharding = least_sharding(plan, model, settings, available);
    else
        settings.sharding = least_sharding_with_recompute(plan, model, settings, available);
    if (!config.recompute) settings.recompute = least_recompute(plan, model, settings, available);
    const RecomputePlan again = settings.recompute.within(model.layers);
    const MemoryPlan memory = plan_memory(plan, model, settings);
    const auto advice = [&] {
        return memory_advice(plan, model, settings, capacity,
                             host_memory_of_each(static_cast<std::size_t>(settings.ranks)));
    };

    if (arguments.json) {
        nlohmann::ordered_json json = {
            {"backend", backend},
            {"bytes", memory.total()},
            {"weights", memory.weights},
            {"optimizer", memory.optimizer},
            {"activations", memory.activations},
            {"communication", memory.communication},
            {"context", memory.context},
            {"host", memory.host},
            {"recompute",
             {{"layers", model.layers}, {"mlp", again.mlp_layers}, {"block", again.block_layers}}}};
        if (all > 1) {
            json["devices"] = all;
            json["shard"] = name_of(settings.sharding);
        }
        if (capacity > 0) {
            json["deviceBytes"] = capacity;
            json["fits"] = memory.total() <= capacity;
            if (memory.total() > capacity) json["advice"] = advice();
        }
        std::printf("%s\n", json.dump().c_str());
        return;
    }
    std::printf("peak memory              %s on %s%s\n", gigabytes(memory.total()).c_str(),
                all > 1 ? "each " : "", backend.c_str());
    std::printf("  weights                %s\n", gigabytes(memory.weights).c_str());
    std::printf("  gradients, optimizer   %s\n", gigabytes(memory.optimizer).c_str());
    std::printf("  activations            %s\n", gigabytes(memory.activations).c_str());
    if (!again.is_none()) std::printf("    %s\n", text_of(again, model.layers).c_str());
    if (all > 1)
        std::printf("  communication          %s, between %d devices; shared out: %s\n",
                    gigabytes(memory.communication).c_str(), all,
                    std::string(name_of(settings.sharding)).c_str());
    if (memory.context > 0) std::printf("  driver                 %s\n", gigabytes(memory.context).c_str());
    if (memory.host > 0)
        std::printf("host memory              %s%s\n", gigabytes(memory.host).c_str(),
                    all > 1 ? " each" : "");
    if (capacity == 0) return;
    std::printf("device                   %s, %s\n", devices[device].name.c_str(),
                gigabytes(capacity).c_str());
    if (memory.total() > capacity) std::printf("does not fit             %s\n", advice().c_str());
}

}  // namespace wishbone
