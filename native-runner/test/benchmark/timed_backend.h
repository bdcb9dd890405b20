#pragma once

#include <chrono>
#include <ctime>
#include <map>
#include <memory>
#include <string>

#include "support/forwarding_backend.h"

namespace wishbone {

/// The wall clock; with one thread its CPU time, which other programs disturb less.
inline double now(int threads) {
    if (threads > 1)
        return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
    timespec time{};
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
    return static_cast<double>(time.tv_sec) + 1e-9 * static_cast<double>(time.tv_nsec);
}

/// Adds up the time of operations by name.
class TimedBackend final : public test::ForwardingBackend {
  public:
    using ForwardingBackend::ForwardingBackend;

    std::map<std::string, double> seconds;

  private:
    void around(const std::string& name, const std::function<void()>& operation) override {
        const double begin = now(threads());
        operation();
        synchronize();
        seconds[name] += now(threads()) - begin;
    }
};

}  // namespace wishbone
