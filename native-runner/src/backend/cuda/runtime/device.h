#pragma once

#include <cstddef>
#include <string>
#include <vector>

namespace wishbone::cuda {

struct Device {
    int ordinal = 0;
    int capability = 0;  ///< compute capability times ten: 90 for Hopper
    int multiprocessors = 0;
    std::size_t memory = 0;  ///< bytes
    std::string name;        ///< "NVIDIA H100 80GB HBM3"
    std::string bus_id;      ///< "0000:1b:00.0"
};

/// GPUs this build can use (compute capability 8.0 and up, for bf16 matrix instructions). `problem` says, for
/// people, why there are none.
struct DeviceList {
    std::vector<Device> devices;
    std::string problem;
};
DeviceList find_devices();

/// The device of this ordinal, made current for the calling thread. Throws Error(bad_input).
Device use_device(int ordinal);

}  // namespace wishbone::cuda
