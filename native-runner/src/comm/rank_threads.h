#pragma once

#include <condition_variable>
#include <cstdint>
#include <exception>
#include <functional>
#include <mutex>
#include <thread>
#include <vector>

#include "comm/communicator.h"

namespace wishbone {

/// The ranks of this process as threads that stay: the caller's is the first, each other has its own from beginning to end, as
/// a device may ask of its thread.
class RankThreads {
  public:
    /// One thread a communicator, which must outlive this.
    explicit RankThreads(std::vector<Communicator*> ranks);
    ~RankThreads();
    RankThreads(const RankThreads&) = delete;
    RankThreads& operator=(const RankThreads&) = delete;

    std::size_t size() const { return ranks_.size(); }

    /// work(rank) on all ranks at once; returns when all have ended. When one throws, its communicator is aborted, so that
    /// the others end too, and what it threw is thrown here; of several the first rank's that is not RankAborted. Not to be
    /// called from within `work`.
    void run(const std::function<void(std::size_t rank)>& work);

  private:
    void serve(std::size_t rank);
    void guarded(std::size_t rank) noexcept;

    std::vector<Communicator*> ranks_;
    std::vector<std::exception_ptr> faults_;
    std::mutex mutex_;
    std::condition_variable changed_;
    const std::function<void(std::size_t)>* work_ = nullptr;
    std::uint64_t number_ = 0;  ///< of calls so far
    std::size_t busy_ = 0;
    bool over_ = false;
    std::vector<std::jthread> threads_;  ///< last: they use the rest
};

}  // namespace wishbone
