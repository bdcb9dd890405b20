#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <vector>

#include "telemetry/device_reader.h"

namespace wishbone {

/// How often devices are read, and how often that is told.
struct WatchTimes {
    std::chrono::milliseconds between_readings{1000};
    std::chrono::milliseconds before_first{3000};
    /// Between two reports lies a sixtieth of the time so far, within these: a log of days must not be one of its devices.
    std::chrono::milliseconds least{10'000}, most{30'000};
};

/// Reads devices from a thread of its own, as long as it is there, and reports them now and then: utilisation and power as means of
/// the readings since the report before, the rest as it was at last. A driver that does not answer keeps nobody waiting.
class DeviceWatch {
  public:
    /// Called in the watch's thread, one at a time, never once the watch is gone. What it throws is dropped: whoever writes to the
    /// same place meets the cause.
    using Report = std::function<void(const std::vector<DeviceReading>&)>;

    DeviceWatch(std::unique_ptr<DeviceReader> reader, Report report, WatchTimes times = {});
    ~DeviceWatch();
    DeviceWatch(const DeviceWatch&) = delete;
    DeviceWatch& operator=(const DeviceWatch&) = delete;

  private:
    class State;

    std::shared_ptr<State> state_;
};

}  // namespace wishbone
