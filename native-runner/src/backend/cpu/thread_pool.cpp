#include "backend/cpu/thread_pool.h"

#include <utility>

#include "backend/require.h"

namespace wishbone::cpu {
namespace {

// Long enough for the next loop of a running step to come, short enough to leave the core to others soon.
constexpr int spins = 4000;

void relax() {
#if defined(__x86_64__)
    __builtin_ia32_pause();
#endif
}

}  // namespace

ThreadPool::ThreadPool(int threads) {
    for (int thread = 1; thread < threads; ++thread) helpers_.emplace_back([this, thread] { help(thread); });
}

ThreadPool::~ThreadPool() {
    stop_ = true;
    ++loop_;
    loop_.notify_all();
    for (std::thread& helper : helpers_) helper.join();
}

bool ThreadPool::take_piece(int thread) {
    std::uint64_t ticket = ticket_.load();
    std::int64_t index, count;
    Call call;
    const void* context;
    do {
        if ((ticket & closed) == closed) return false;
        // Whatever is read here belongs to the ticket if that is still the same afterwards.
        index = static_cast<std::int64_t>(ticket & closed);
        count = count_.load();
        call = call_.load();
        context = context_.load();
        if (index >= count) return false;
    } while (!ticket_.compare_exchange_weak(ticket, ticket + 1));
    try {
        call(context, index, thread);
    } catch (...) {
        const std::lock_guard lock(error_mutex_);
        if (!error_) error_ = std::current_exception();
    }
    if (done_.fetch_add(1) + 1 == count) done_.notify_one();
    return true;
}

void ThreadPool::start(std::int64_t count, Call call, const void* context) {
    if (count <= 0) return;
    if (count == 1 || helpers_.empty()) {
        for (std::int64_t index = 0; index < count; ++index) call(context, index, 0);
        return;
    }
    require(count < static_cast<std::int64_t>(closed), "thread_pool");
    count_ = count;
    call_ = call;
    context_ = context;
    done_ = 0;
    const std::uint32_t loop = loop_.load() + 1;
    ticket_ = static_cast<std::uint64_t>(loop) << 32;
    loop_ = loop;
    loop_.notify_all();
    while (take_piece(0)) {
    }
    for (int spin = 0; spin < spins && done_.load() < count; ++spin) relax();
    for (std::int64_t done = done_.load(); done < count; done = done_.load()) done_.wait(done);
    ticket_ = (static_cast<std::uint64_t>(loop) << 32) | closed;
    if (error_) std::rethrow_exception(std::exchange(error_, nullptr));
}

void ThreadPool::help(int thread) {
    std::uint32_t seen = 0;
    while (true) {
        std::uint32_t loop = loop_.load();
        for (int spin = 0; spin < spins && loop == seen; ++spin) {
            relax();
            loop = loop_.load();
        }
        if (loop == seen) {
            loop_.wait(seen);
            continue;
        }
        if (stop_) return;
        seen = loop;
        while (take_piece(thread)) {
        }
    }
}

}  // namespace wishbone::cpu
