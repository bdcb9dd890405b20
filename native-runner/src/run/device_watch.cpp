#include "run/device_watch.h"

#include <algorithm>
#include <condition_variable>
#include <exception>
#include <mutex>
#include <optional>
#include <thread>
#include <utility>

namespace wishbone {

namespace {

using Clock = std::chrono::steady_clock;
using std::chrono::milliseconds;

/// Mean of a number that some readings have.
class Mean {
  public:
    void add(const std::optional<double>& value) {
        if (!value) return;
        sum_ += *value;
        ++count_;
    }
    std::optional<double> value() const { return count_ == 0 ? std::nullopt : std::optional(sum_ / count_); }

  private:
    double sum_ = 0;
    int count_ = 0;
};

/// What was read since the last report.
class Readings {
  public:
    void add(std::vector<DeviceReading> readings) {
        means_.resize(readings.size());
        for (std::size_t i = 0; i < readings.size(); ++i) {
            means_[i].first.add(readings[i].utilisation);
            means_[i].second.add(readings[i].power);
        }
        last_ = std::move(readings);
    }
    std::vector<DeviceReading> take() {
        for (std::size_t i = 0; i < last_.size(); ++i) {
            last_[i].utilisation = means_[i].first.value();
            last_[i].power = means_[i].second.value();
        }
        means_.clear();
        return std::exchange(last_, {});
    }

  private:
    std::vector<std::pair<Mean, Mean>> means_;  ///< of utilisation and power
    std::vector<DeviceReading> last_;
};

}  // namespace

/// Shared with the thread, which may outlive the watch where a driver hangs.
class DeviceWatch::State {
  public:
    State(std::unique_ptr<DeviceReader> reader, Report report, WatchTimes times)
        : reader_(std::move(reader)), report_(std::move(report)), times_(times) {}

    void work() {
        const Clock::time_point begun = Clock::now();
        Clock::time_point due = begun + times_.before_first;
        Readings readings;
        while (!ended_within(times_.between_readings)) {
            readings.add(reader_->read());
            const Clock::time_point now = Clock::now();
            if (now < due) continue;
            tell(readings.take());
            due = now + std::clamp(std::chrono::duration_cast<milliseconds>((now - begun) / 60), times_.least,
                                   times_.most);
        }
    }

    void end() {
        const std::lock_guard lock(mutex_);
        has_ended_ = true;
        changed_.notify_all();
    }

  private:
    bool ended_within(milliseconds time) {
        std::unique_lock lock(mutex_);
        return changed_.wait_for(lock, time, [this] { return has_ended_; });
    }

    void tell(const std::vector<DeviceReading>& readings) {
        // Held meanwhile: what is reported to stays there until `end` returns.
        const std::lock_guard lock(mutex_);
        if (has_ended_) return;
        try {
            report_(readings);
        } catch (const std::exception&) {
            // Told of by the run, which writes to the same log.
        }
    }

    std::unique_ptr<DeviceReader> reader_;
    Report report_;
    WatchTimes times_;
    std::mutex mutex_;
    std::condition_variable changed_;
    bool has_ended_ = false;
};

DeviceWatch::DeviceWatch(std::unique_ptr<DeviceReader> reader, Report report, WatchTimes times)
    : state_(std::make_shared<State>(std::move(reader), std::move(report), times)) {
    std::thread([state = state_] {
        try {
            state->work();
        } catch (const std::exception&) {
            // No memory, say: the run goes on without.
        }
    }).detach();
}

DeviceWatch::~DeviceWatch() { state_->end(); }

}  // namespace wishbone
