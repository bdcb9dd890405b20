#include "telemetry/nvml/nvml.h"

#include <dlfcn.h>

#include <cstdlib>
#include <type_traits>
#include <utility>

namespace wishbone::nvml {

std::unique_ptr<Library> Library::load() {
    const char* named = std::getenv("WISHBONE_NVML");
    const bool is_named = named != nullptr && *named != '\0';
    void* const handle = ::dlopen(is_named ? named : "libnvidia-ml.so.1", RTLD_NOW | RTLD_LOCAL);
    if (handle == nullptr) return nullptr;
    std::unique_ptr<Library> library(new Library(handle));
    return library->resolve() ? std::move(library) : nullptr;
}

bool Library::resolve() {
    bool are_all_there = true;
    const auto find = [&](auto& function, const char* symbol) {
        void* const found = ::dlsym(handle_, symbol);
        function = reinterpret_cast<std::remove_reference_t<decltype(function)>>(found);
        are_all_there = are_all_there && found != nullptr;
    };
    find(initialise_, "nvmlInit_v2");
    find(shut_down_, "nvmlShutdown");
    find(handle_by_bus_id, "nvmlDeviceGetHandleByPciBusId_v2");
    find(name, "nvmlDeviceGetName");
    find(utilization, "nvmlDeviceGetUtilizationRates");
    find(memory, "nvmlDeviceGetMemoryInfo");
    find(temperature, "nvmlDeviceGetTemperature");
    find(power, "nvmlDeviceGetPowerUsage");
    is_initialised_ = are_all_there && initialise_() == Result::success;
    return is_initialised_;
}

Library::~Library() {
    if (is_initialised_) (void)shut_down_();
    ::dlclose(handle_);
}

}  // namespace wishbone::nvml
