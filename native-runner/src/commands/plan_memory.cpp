#include <algorithm>
#include <cstdio>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "backend/registry.h"
#include "commands/commands.h"
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
    const MemorySettings settings = {backend, config.recompute, config.training,
                                     config.training.reference_model.empty()
                                         ? std::nullopt
                                         : std::optional(read_model_config(config.training.reference_model))};
    const MemoryPlan memory = plan_memory(plan, model, settings);
    const auto device = static_cast<std::size_t>(config.backend.cuda.device);
    const std::size_t capacity = device < devices.size() ? devices[device].memory : 0;

    if (arguments.json) {
        nlohmann::ordered_json json = {{"backend", backend},
                                       {"bytes", memory.total()},
                                       {"weights", memory.weights},
                                       {"optimizer", memory.optimizer},
                                       {"activations", memory.activations},
                                       {"context", memory.context}};
        if (capacity > 0) {
            json["deviceBytes"] = capacity;
            json["fits"] = memory.total() <= capacity;
            if (memory.total() > capacity) json["advice"] = memory_advice(plan, model, settings, capacity);
        }
        std::printf("%s\n", json.dump().c_str());
        return;
    }
    std::printf("peak memory              %s on %s\n", gigabytes(memory.total()).c_str(), backend.c_str());
    std::printf("  weights                %s\n", gigabytes(memory.weights).c_str());
    std::printf("  gradients, optimizer   %s\n", gigabytes(memory.optimizer).c_str());
    std::printf("  activations            %s\n", gigabytes(memory.activations).c_str());
    if (memory.context > 0) std::printf("  driver                 %s\n", gigabytes(memory.context).c_str());
    if (capacity == 0) return;
    std::printf("device                   %s, %s\n", devices[device].name.c_str(),
                gigabytes(capacity).c_str());
    if (memory.total() > capacity)
        std::printf("does not fit             %s\n", memory_advice(plan, model, settings, capacity).c_str());
}

}  // namespace wishbone
