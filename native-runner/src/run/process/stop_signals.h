#pragma once

namespace wishbone {

/// While one lives, the first SIGTERM or SIGINT is noted and a second one ends the process at once with exit
/// code 130.
class StopSignals {
  public:
    StopSignals();
    ~StopSignals();
    StopSignals(const StopSignals&) = delete;
    StopSignals& operator=(const StopSignals&) = delete;

    static bool requested();
};

}  // namespace wishbone
