#pragma once

#include <utility>

#include "backend/backend.h"
#include "core/stopwatch.h"

namespace wishbone {

/// The time that a rank does nothing but communicate, or wait for others: what goes on beside computing does not count.
class ExposedTime {
  public:
    explicit ExposedTime(Backend& backend) : backend_(backend) {}

    /// An operation on tensors that may go on beside computing. In host memory it is over when it returns.
    template <typename Operation>
    void beside(const Operation& operation) {
        if (!backend_.is_in_host_memory()) return operation();
        blocking(operation);
    }
    /// `end` makes the backend wait for operations that went on beside what it was asked for until now.
    template <typename End>
    void ending(const End& end) {
        if (backend_.is_in_host_memory()) return blocking(end);
        backend_.synchronize();
        blocking([&] {
            end();
            backend_.synchronize();
        });
    }
    /// What nothing goes on beside.
    template <typename Operation>
    void blocking(const Operation& operation) {
        const Stopwatch watch;
        operation();
        seconds_ += watch.seconds();
    }

    double seconds() const { return seconds_; }
    /// And begins anew.
    double take() { return std::exchange(seconds_, 0.0); }

  private:
    Backend& backend_;
    double seconds_ = 0;
};

}  // namespace wishbone
