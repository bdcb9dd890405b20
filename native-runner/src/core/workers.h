#pragma once

#include <atomic>
#include <cstddef>
#include <functional>
#include <optional>

namespace wishbone {

/// The numbers from 0 to `count`, each handed out once, to whichever thread asks next.
class TaskNumbers {
  public:
    explicit TaskNumbers(std::size_t count) : count_(count) {}
    std::optional<std::size_t> next() {
        const std::size_t number = next_++;
        return number < count_ ? std::optional(number) : std::nullopt;
    }
    void stop() { next_ = count_; }

  private:
    std::size_t count_;
    std::atomic<std::size_t> next_ = 0;
};

/// Runs `worker` on so many threads at once, the caller's among them, and returns when all have ended. When one throws,
/// the others get no more numbers, and the first thing thrown is thrown here.
void work_together(std::size_t threads, TaskNumbers& numbers, const std::function<void()>& worker);

/// Cores of this machine, at least 1.
std::size_t cores();

}  // namespace wishbone
