#pragma once

#include <memory>
#include <string>

namespace wishbone::nvml {

// What is used of NVML's interface (NVIDIA Management Library, part of the driver), as its own header has it: the library is loaded
// by name, and its header need not be there to build.

enum class Result : int { success = 0 };
struct OpaqueDevice;
using Device = OpaqueDevice*;
/// Percent of the last sampling period, which is between 1/6 s and 1 s long.
struct Utilization {
    unsigned int gpu, memory;
};
struct Memory {
    unsigned long long total, free, used;  ///< bytes
};
enum class Sensor : int { gpu = 0 };

/// The functions of libnvidia-ml that are used.
class Library {
  public:
    /// $WISHBONE_NVML, else libnvidia-ml.so.1 where the loader finds it, initialised. Null where there is none that will do.
    static std::unique_ptr<Library> load();
    ~Library();
    Library(const Library&) = delete;
    Library& operator=(const Library&) = delete;

    Result (*handle_by_bus_id)(const char*, Device*) = nullptr;
    Result (*name)(Device, char*, unsigned int length) = nullptr;
    Result (*utilization)(Device, Utilization*) = nullptr;
    Result (*memory)(Device, Memory*) = nullptr;
    Result (*temperature)(Device, Sensor, unsigned int* celsius) = nullptr;
    Result (*power)(Device, unsigned int* milliwatts) = nullptr;

  private:
    explicit Library(void* handle) : handle_(handle) {}
    bool resolve();

    void* handle_;
    Result (*initialise_)() = nullptr;
    Result (*shut_down_)() = nullptr;
    bool is_initialised_ = false;
};

}  // namespace wishbone::nvml
