#pragma once

#include <map>
#include <string>

#include "core/stopwatch.h"

namespace wishbone {

/// Where the wall time of a run goes, in seconds: one phase at a time, from start to end without a gap.
class PhaseTimes {
  public:
    /// The time since the last call, or since this was made, goes to the phase that was under way.
    void begin(std::string phase) {
        settle();
        phase_ = std::move(phase);
    }
    /// Of the phase under way, so many seconds were something else.
    void carve(const std::string& part, double seconds) {
        seconds_[part] += seconds;
        carved_ += seconds;
    }
    /// All of them so far.
    const std::map<std::string, double>& so_far() {
        settle();
        return seconds_;
    }

  private:
    void settle() {
        seconds_[phase_] += watch_.seconds() - carved_;
        watch_ = Stopwatch();
        carved_ = 0;
    }

    std::string phase_ = "start";
    std::map<std::string, double> seconds_;
    Stopwatch watch_;
    double carved_ = 0;
};

}  // namespace wishbone
