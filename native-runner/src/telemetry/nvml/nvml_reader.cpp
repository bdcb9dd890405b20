#include <utility>

#include "telemetry/device_reader.h"
#include "telemetry/nvml/nvml.h"

namespace wishbone {

namespace {

using nvml::Result;

class NvmlReader final : public DeviceReader {
  public:
    NvmlReader(std::unique_ptr<nvml::Library> library, std::vector<nvml::Device> devices)
        : library_(std::move(library)), devices_(std::move(devices)) {}

    std::vector<DeviceReading> read() override {
        std::vector<DeviceReading> readings;
        for (nvml::Device device : devices_) readings.push_back(reading_of(device));
        return readings;
    }

  private:
    /// Not every card says everything: a part of one (MIG) has no utilisation of its own, others no power.
    DeviceReading reading_of(nvml::Device device) const {
        DeviceReading reading;
        char name[96] = "";  // NVML's own names are shorter
        if (library_->name(device, name, sizeof name) == Result::success) reading.name = name;
        if (reading.name.empty()) reading.name = "GPU";
        if (nvml::Utilization value{}; library_->utilization(device, &value) == Result::success)
            reading.utilisation = value.gpu / 100.0;
        if (nvml::Memory value{}; library_->memory(device, &value) == Result::success && value.total > 0)
            reading.memory = {static_cast<std::size_t>(value.used), static_cast<std::size_t>(value.total)};
        if (unsigned int value = 0;
            library_->temperature(device, nvml::Sensor::gpu, &value) == Result::success)
            reading.temperature = static_cast<int>(value);
        if (unsigned int value = 0; library_->power(device, &value) == Result::success)
            reading.power = value / 1000.0;
        return reading;
    }

    std::unique_ptr<nvml::Library> library_;
    std::vector<nvml::Device> devices_;
};

}  // namespace

std::unique_ptr<DeviceReader> make_device_reader(std::span<const std::string> bus_ids) {
    if (bus_ids.empty()) return nullptr;
    std::unique_ptr<nvml::Library> library = nvml::Library::load();
    if (!library) return nullptr;
    std::vector<nvml::Device> devices;
    for (const std::string& id : bus_ids)
        if (nvml::Device device = nullptr; library->handle_by_bus_id(id.c_str(), &device) == Result::success)
            devices.push_back(device);
    if (devices.empty()) return nullptr;
    return std::make_unique<NvmlReader>(std::move(library), std::move(devices));
}

}  // namespace wishbone
