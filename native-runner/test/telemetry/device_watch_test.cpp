#include "run/device_watch.h"

#include <doctest/doctest.h>

#include <atomic>
#include <condition_variable>
#include <cstdlib>
#include <mutex>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "core/stopwatch.h"

using namespace wishbone;
using namespace std::chrono_literals;

namespace {

/// NVML is the fake one as long as this is there.
class FakeNvml {
  public:
    explicit FakeNvml(const std::string& library = WISHBONE_FAKE_NVML, const std::string& fault = "") {
        ::setenv("WISHBONE_NVML", library.c_str(), 1);
        ::setenv("FAKE_NVML", fault.c_str(), 1);
    }
    ~FakeNvml() {
        ::unsetenv("WISHBONE_NVML");
        ::unsetenv("FAKE_NVML");
    }
    FakeNvml(const FakeNvml&) = delete;
    FakeNvml& operator=(const FakeNvml&) = delete;
};

const std::vector<std::string> both = {"0000:02:00.0", "0000:01:00.0"};

/// Reports, of which a test waits for as many as it wants.
class Reports {
  public:
    DeviceWatch::Report taker() {
        return [this](const std::vector<DeviceReading>& readings) {
            const std::lock_guard lock(mutex_);
            all_.push_back(readings);
            changed_.notify_all();
        };
    }
    std::vector<std::vector<DeviceReading>> wait_for(std::size_t count) {
        std::unique_lock lock(mutex_);
        changed_.wait_for(lock, 20s, [&] { return all_.size() >= count; });
        return all_;
    }

  private:
    std::mutex mutex_;
    std::condition_variable changed_;
    std::vector<std::vector<DeviceReading>> all_;
};

constexpr WatchTimes quick{.between_readings = 1ms, .before_first = 5ms, .least = 10ms, .most = 20ms};

}  // namespace

TEST_CASE("NVML: cards are found by their places on the bus, and say what they can") {
    const FakeNvml nvml;
    const auto reader = make_device_reader(both);
    REQUIRE(reader != nullptr);
    const auto readings = reader->read();
    REQUIRE(readings.size() == 2);
    CHECK(readings[0].name == "Fake B");
    CHECK(readings[0].utilisation == 0.7);
    CHECK(readings[0].temperature == 55);
    CHECK_FALSE(readings[0].power);
    CHECK(readings[1].name == "Fake A");
    CHECK(readings[1].power == 512.34);
    REQUIRE(readings[1].memory);
    CHECK(readings[1].memory->used == std::size_t{20} << 30);
    CHECK(readings[1].memory->total == std::size_t{80} << 30);
    CHECK(reader->read()[0].utilisation == 0.9);
}

TEST_CASE("NVML: where there is none, or it will not do, nobody is told") {
    CHECK(make_device_reader({}) == nullptr);
    {
        const FakeNvml none("/nowhere/libnvidia-ml.so.1");
        CHECK(make_device_reader(both) == nullptr);
    }
    {
        const FakeNvml other("libm.so.6");
        CHECK(make_device_reader(both) == nullptr);
    }
    {
        const FakeNvml failing(WISHBONE_FAKE_NVML, "fails");
        CHECK(make_device_reader(both) == nullptr);
    }
    const FakeNvml nvml;
    const std::vector<std::string> unknown = {"0000:09:00.0"};
    CHECK(make_device_reader(unknown) == nullptr);
    const std::vector<std::string> one = {"0000:09:00.0", "0000:01:00.0"};
    REQUIRE(make_device_reader(one) != nullptr);
    CHECK(make_device_reader(one)->read().size() == 1);
}

TEST_CASE("devices are reported now and then, with means of what was read meanwhile") {
    const FakeNvml nvml;
    Reports reports;
    const DeviceWatch watch(make_device_reader(both), reports.taker(), quick);
    const auto all = reports.wait_for(3);
    REQUIRE(all.size() >= 3);
    for (const auto& readings : all) {
        REQUIRE(readings.size() == 2);
        // Of 0.7 and 0.9 in turns.
        CHECK(*readings[0].utilisation >= 0.7);
        CHECK(*readings[0].utilisation <= 0.9);
        CHECK_FALSE(readings[0].power);
        CHECK(*readings[1].power == doctest::Approx(512.34));
        CHECK(readings[1].temperature == 61);
    }
    const double mean = *all[2][0].utilisation;
    CHECK(mean > 0.75);
    CHECK(mean < 0.85);
}

TEST_CASE("a watch that is gone reports nothing, and what a report throws ends nothing") {
    const FakeNvml nvml;
    std::atomic<int> reports = 0;
    {
        const DeviceWatch watch(
            make_device_reader(both),
            [&](const std::vector<DeviceReading>&) {
                ++reports;
                throw std::runtime_error("the disk is full");
            },
            quick);
        for (const Stopwatch waited; reports < 2 && waited.seconds() < 20;) std::this_thread::sleep_for(1ms);
    }
    const int before = reports;
    CHECK(before >= 2);
    std::this_thread::sleep_for(100ms);
    CHECK(reports == before);
}

TEST_CASE("a driver that does not answer keeps no run waiting") {
    const FakeNvml nvml(WISHBONE_FAKE_NVML, "hangs");
    Reports reports;
    const Stopwatch waited;
    {
        const DeviceWatch watch(make_device_reader(both), reports.taker(), quick);
        std::this_thread::sleep_for(50ms);
    }
    CHECK(waited.seconds() < 5);
    CHECK(reports.wait_for(0).empty());
}
