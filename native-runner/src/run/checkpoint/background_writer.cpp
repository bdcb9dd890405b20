#include "run/checkpoint/background_writer.h"

#include <utility>

namespace wishbone {

BackgroundWriter::~BackgroundWriter() {
    if (thread_.joinable()) thread_.join();
}

void BackgroundWriter::begin(std::function<void()> first, std::function<void()> rest) {
    first_done_ = false;
    done_ = false;
    fault_ = nullptr;
    thread_ = std::jthread([this, first = std::move(first), rest = std::move(rest)] {
        const auto first_is_done = [this] {
            first_done_ = true;
            first_done_.notify_all();
        };
        try {
            first();
            first_is_done();
            rest();
        } catch (...) {
            fault_ = std::current_exception();
            first_is_done();
        }
        done_.store(true, std::memory_order_release);
    });
}

void BackgroundWriter::wait_for_first() const { first_done_.wait(false); }

void BackgroundWriter::collect() {
    if (!thread_.joinable()) return;
    thread_.join();
    if (fault_) std::rethrow_exception(std::exchange(fault_, nullptr));
}

}  // namespace wishbone
