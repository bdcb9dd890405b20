#include "core/workers.h"

#include <algorithm>
#include <exception>
#include <mutex>
#include <thread>
#include <vector>

namespace wishbone {

void work_together(std::size_t threads, TaskNumbers& numbers, const std::function<void()>& worker) {
    std::mutex mutex;
    std::exception_ptr first;
    const auto guarded = [&] {
        try {
            worker();
        } catch (...) {
            numbers.stop();
            const std::lock_guard lock(mutex);
            if (!first) first = std::current_exception();
        }
    };
    {
        std::vector<std::jthread> others;
        for (std::size_t i = 1; i < threads; ++i) others.emplace_back(guarded);
        guarded();
    }
    if (first) std::rethrow_exception(first);
}

std::size_t cores() { return std::max(1u, std::thread::hardware_concurrency()); }

}  // namespace wishbone
