#pragma once

#include <atomic>
#include <exception>
#include <functional>
#include <thread>

namespace wishbone {

/// One thing at a time that is done beside the training: a part that training may not go past, then the rest.
class BackgroundWriter {
  public:
    ~BackgroundWriter();
    BackgroundWriter() = default;
    BackgroundWriter(const BackgroundWriter&) = delete;
    BackgroundWriter& operator=(const BackgroundWriter&) = delete;

    /// Begins: `first`, then `rest`, in a thread of their own. Nothing else may be under way.
    void begin(std::function<void()> first, std::function<void()> rest);

    bool is_busy() const { return thread_.joinable(); }
    /// Whether `collect` would return at once.
    bool is_done() const { return is_busy() && done_.load(std::memory_order_acquire); }
    /// Waits for `first`.
    void wait_for_first() const;
    /// Waits for all of it, and throws what it threw.
    void collect();

  private:
    std::jthread thread_;
    std::atomic<bool> first_done_ = true, done_ = false;
    std::exception_ptr fault_;
};

}  // namespace wishbone
