#include "comm/rank_threads.h"

#include <utility>

namespace wishbone {

RankThreads::RankThreads(std::vector<Communicator*> ranks)
    : ranks_(std::move(ranks)), faults_(ranks_.size()) {
    for (std::size_t rank = 1; rank < ranks_.size(); ++rank)
        threads_.emplace_back([this, rank] { serve(rank); });
}

RankThreads::~RankThreads() {
    {
        const std::lock_guard lock(mutex_);
        over_ = true;
    }
    changed_.notify_all();
}

void RankThreads::run(const std::function<void(std::size_t)>& work) {
    if (ranks_.size() == 1) return work(0);
    {
        const std::lock_guard lock(mutex_);
        work_ = &work;
        busy_ = ranks_.size() - 1;
        ++number_;
    }
    changed_.notify_all();
    guarded(0);
    {
        std::unique_lock lock(mutex_);
        changed_.wait(lock, [this] { return busy_ == 0; });
    }
    std::exception_ptr cause;
    for (std::exception_ptr& fault : faults_) {
        const std::exception_ptr own = std::exchange(fault, nullptr);
        if (!own) continue;
        try {
            std::rethrow_exception(own);
        } catch (const RankAborted&) {
            if (!cause) cause = own;
        } catch (...) {
            std::rethrow_exception(own);
        }
    }
    if (cause) std::rethrow_exception(cause);
}

void RankThreads::serve(std::size_t rank) {
    for (std::uint64_t done = 0;; ++done) {
        {
            std::unique_lock lock(mutex_);
            changed_.wait(lock, [&] { return over_ || number_ != done; });
            if (number_ == done) return;
        }
        guarded(rank);
        const std::lock_guard lock(mutex_);
        if (--busy_ == 0) changed_.notify_all();
    }
}

void RankThreads::guarded(std::size_t rank) noexcept {
    try {
        (*work_)(rank);
    } catch (const Error& error) {
        faults_[rank] = std::current_exception();
        ranks_[rank]->fail(error);
    } catch (const std::exception& fault) {
        faults_[rank] = std::current_exception();
        ranks_[rank]->abort(fault.what());
    } catch (...) {
        faults_[rank] = std::current_exception();
        ranks_[rank]->abort("an unknown fault");
    }
}

}  // namespace wishbone
