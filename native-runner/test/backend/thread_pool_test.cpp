#include "backend/cpu/runtime/thread_pool.h"

#include <doctest/doctest.h>

#include <atomic>
#include <numeric>
#include <stdexcept>
#include <vector>

using namespace wishbone::cpu;

TEST_CASE("every piece of every loop is done once, before the loop returns") {
    for (const int threads : {1, 2, 7}) {
        ThreadPool pool(threads);
        CHECK(pool.threads() == threads);
        for (std::int64_t loop = 0; loop < 3000; ++loop) {
            const std::int64_t count = loop % 13;
            std::vector<int> times(static_cast<std::size_t>(count));
            std::atomic<bool> known_thread = true;
            pool.run(count, [&](std::int64_t index, int thread) {
                ++times[static_cast<std::size_t>(index)];
                if (thread < 0 || thread >= threads) known_thread = false;
            });
            REQUIRE(times == std::vector<int>(static_cast<std::size_t>(count), 1));
            REQUIRE(known_thread);
        }
    }
}

TEST_CASE("rows are cut without gaps or overlaps") {
    ThreadPool pool(3);
    for (const std::int64_t rows : {0, 1, 2, 100, 12345})
        for (const std::int64_t row_size : {1, 100, 1 << 20}) {
            std::vector<int> times(static_cast<std::size_t>(rows));
            pool.run_rows(rows, row_size, [&](std::int64_t begin, std::int64_t end) {
                for (std::int64_t i = begin; i < end; ++i) ++times[static_cast<std::size_t>(i)];
            });
            CHECK(times == std::vector<int>(static_cast<std::size_t>(rows), 1));
        }
}

TEST_CASE("what a piece throws arrives at the caller and the pool goes on") {
    ThreadPool pool(3);
    for (int i = 0; i < 50; ++i) {
        std::atomic<int> done = 0;
        CHECK_THROWS_AS(pool.run(20,
                                 [&](std::int64_t index, int) {
                                     ++done;
                                     if (index % 7 == 3) throw std::runtime_error("piece");
                                 }),
                        std::runtime_error);
        CHECK(done == 20);
        done = 0;
        pool.run(20, [&](std::int64_t, int) { ++done; });
        CHECK(done == 20);
    }
}
