#pragma once

#include <cstddef>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace wishbone {

/// How a GPU fares at a moment. What its driver does not say is not there.
struct DeviceReading {
    struct Memory {
        std::size_t used, total;  ///< bytes, of all processes
    };

    std::string name;                        ///< "NVIDIA H200"
    std::optional<double> utilisation = {};  ///< share of the last moments in which a kernel ran, 0 to 1
    std::optional<Memory> memory = {};
    std::optional<int> temperature = {};  ///< °C
    std::optional<double> power = {};     ///< W
};

/// Reads the same devices again and again.
class DeviceReader {
  public:
    virtual ~DeviceReader() = default;
    /// One reading a device, in order. From one thread at a time.
    virtual std::vector<DeviceReading> read() = 0;
};

/// Of the GPUs at these places of the PCI bus, through NVML. None where there is no GPU, no NVML, or NVML knows none of them: a run
/// goes on without, and nothing is said.
std::unique_ptr<DeviceReader> make_device_reader(std::span<const std::string> bus_ids);

}  // namespace wishbone
