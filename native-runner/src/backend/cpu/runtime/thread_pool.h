#pragma once

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <exception>
#include <mutex>
#include <thread>
#include <vector>

namespace wishbone::cpu {

/// Loops over independent pieces of work on several threads. Threads take pieces as they come, and a loop
/// ends when its pieces are done, not when every thread has turned up: a model's step has a thousand short
/// loops, and a barrier in each would cost a turn of the scheduler wherever another program wants a core.
/// What a piece computes must not depend on the thread that takes it; then results do not depend on timing.
class ThreadPool {
  public:
    /// The calling thread counts as one.
    explicit ThreadPool(int threads);
    ~ThreadPool();
    ThreadPool(const ThreadPool&) = delete;
    ThreadPool& operator=(const ThreadPool&) = delete;

    int threads() const { return static_cast<int>(helpers_.size()) + 1; }

    /// work(index, thread) for every index in [0, count) on any of the threads [0, threads). Not to be called
    /// from within work, nor from two threads at once. Throws what a piece threw, after all have ended.
    template <typename Work>
    void run(std::int64_t count, const Work& work) {
        start(
            count,
            [](const void* context, std::int64_t index, int thread) {
                (*static_cast<const Work*>(context))(index, thread);
            },
            &work);
    }

    /// work(begin, end) over the rows [0, rows), in pieces large enough to be worth handing out: `row_size`
    /// is the number of elements a row touches.
    template <typename Work>
    void run_rows(std::int64_t rows, std::int64_t row_size, const Work& work) {
        constexpr std::int64_t least_elements = 1 << 14;
        const std::int64_t even = (rows + 4 * threads() - 1) / (4 * threads());
        const std::int64_t piece = std::max(even, least_elements / std::max<std::int64_t>(1, row_size) + 1);
        run((rows + piece - 1) / piece,
            [&](std::int64_t index, int) { work(index * piece, std::min(rows, (index + 1) * piece)); });
    }

  private:
    using Call = void (*)(const void* context, std::int64_t index, int thread);

    void start(std::int64_t count, Call call, const void* context);
    bool take_piece(int thread);
    void help(int thread);

    // The loop under way. `ticket_` holds its number in the high half and the next piece in the low one, so a
    // late thread cannot take a piece of a later loop by mistake. Between loops the low half is `closed`.
    static constexpr std::uint64_t closed = 0xffffffff;
    std::atomic<std::uint64_t> ticket_{closed};
    std::atomic<std::uint32_t> loop_{0};  ///< what sleeping threads wait on
    std::atomic<std::int64_t> count_{0}, done_{0};
    std::atomic<Call> call_{nullptr};
    std::atomic<const void*> context_{nullptr};
    std::atomic<bool> stop_{false};

    std::mutex error_mutex_;
    std::exception_ptr error_;
    std::vector<std::thread> helpers_;
};

}  // namespace wishbone::cpu
