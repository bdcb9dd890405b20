#include <doctest/doctest.h>

#include <atomic>
#include <chrono>
#include <cmath>
#include <cstdint>
#include <string>
#include <thread>
#include <vector>

#include "comm/rank_threads.h"

using namespace wishbone;
using namespace std::chrono_literals;

namespace {

using Values = std::vector<float>;

Tensor tensor(Values& values) {
    return {values.data(), DType::f32, {static_cast<std::int64_t>(values.size())}};
}

/// So many ranks as threads.
struct Ranks {
    explicit Ranks(int size, std::chrono::duration<double> limit = 30s)
        : all(make_thread_ranks(size, limit)), threads(pointers()) {}

    std::vector<std::unique_ptr<HostCommunicator>> all;
    RankThreads threads;

  private:
    std::vector<Communicator*> pointers() const {
        std::vector<Communicator*> plain;
        for (const auto& rank : all) plain.push_back(rank.get());
        return plain;
    }
};

/// A different number for each rank and place, whose sums depend on the order.
float number(std::size_t rank, std::size_t place) {
    return std::sin(static_cast<float>(place * 7 + rank * 131 + 1)) * (rank % 2 == 0 ? 1e4f : 1e-3f);
}

Values numbers(std::size_t rank, std::size_t count) {
    Values values(count);
    for (std::size_t i = 0; i < count; ++i) values[i] = number(rank, i);
    return values;
}

Values sums(std::size_t ranks, std::size_t count) {
    Values values = numbers(0, count);
    for (std::size_t rank = 1; rank < ranks; ++rank)
        for (std::size_t i = 0; i < count; ++i) values[i] += number(rank, i);
    return values;
}

/// What `work` throws.
template <typename Work>
Error error_of(const Work& work) {
    try {
        work();
    } catch (const Error& error) {
        return error;
    }
    FAIL("nothing was thrown");
    return bad_input("", "", "");
}

bool contains(const std::string& text, const std::string& part) {
    return text.find(part) != std::string::npos;
}

}  // namespace

TEST_CASE("sums are those of adding in the order of ranks, the same bits on all") {
    for (const int size : {1, 2, 3, 8}) {
        Ranks ranks(size);
        for (const std::size_t count :
             {std::size_t{0}, std::size_t{1}, std::size_t{5}, std::size_t{100003}}) {
            CAPTURE(size);
            CAPTURE(count);
            std::vector<Values> values(ranks.all.size());
            ranks.threads.run([&](std::size_t rank) {
                values[rank] = numbers(rank, count);
                ranks.all[rank]->all_reduce(tensor(values[rank]));
            });
            for (const Values& one : values) CHECK(one == sums(ranks.all.size(), count));
        }
    }
}

TEST_CASE("what was summed and scattered is gathered again") {
    for (const int size : {1, 2, 3, 8}) {
        Ranks ranks(size);
        const std::size_t part = 4099, count = part * ranks.all.size();
        std::vector<Values> values(ranks.all.size());
        for (const bool in_place : {true, false}) {
            if (size == 1 && !in_place) continue;
            CAPTURE(size);
            CAPTURE(in_place);
            ranks.threads.run([&](std::size_t rank) {
                values[rank] = numbers(rank, count);
                const Tensor all = tensor(values[rank]);
                const auto begin = static_cast<std::int64_t>(rank * part);
                Values apart(part);
                const Tensor own =
                    in_place ? all.slice(begin, begin + static_cast<std::int64_t>(part)) : tensor(apart);
                ranks.all[rank]->reduce_scatter(own, all);
                ranks.all[rank]->all_gather(all, own);
            });
            for (const Values& one : values) CHECK(one == sums(ranks.all.size(), count));
        }
    }
}

TEST_CASE("any rank's values reach all") {
    for (const int size : {1, 2, 3, 8}) {
        Ranks ranks(size);
        for (int root = 0; root < size; ++root) {
            std::vector<Values> values(ranks.all.size());
            ranks.threads.run([&](std::size_t rank) {
                values[rank] = numbers(rank, 33);
                ranks.all[rank]->broadcast(tensor(values[rank]), root);
            });
            for (const Values& one : values) CHECK(one == numbers(static_cast<std::size_t>(root), 33));
        }
    }
}

TEST_CASE("numbers of the host are summed, and nobody passes a barrier alone") {
    for (const int size : {1, 2, 3, 8}) {
        Ranks ranks(size);
        std::atomic<int> before = 0;
        std::vector<double> totals(ranks.all.size());
        std::vector<int> seen(ranks.all.size());
        for (int round = 1; round <= 50; ++round) {
            ranks.threads.run([&](std::size_t rank) {
                double number = static_cast<double>(rank) + 0.5;
                ranks.all[rank]->sum({&number, 1});
                totals[rank] = number;
                ++before;
                ranks.all[rank]->barrier();
                seen[rank] = before;
            });
            for (std::size_t rank = 0; rank < seen.size(); ++rank) {
                CHECK(totals[rank] == size * (size - 1) / 2 + 0.5 * size);
                CHECK(seen[rank] == round * size);
            }
        }
    }
}

TEST_CASE("a rank that fails ends all others at once, with its own message") {
    for (const int size : {2, 3, 8}) {
        for (const std::size_t failing : {std::size_t{0}, static_cast<std::size_t>(size) - 1}) {
            CAPTURE(size);
            CAPTURE(failing);
            Ranks ranks(size, 600s);
            std::vector<std::string> told(ranks.all.size());
            const Error error = error_of([&] {
                ranks.threads.run([&](std::size_t rank) {
                    double number = 1;
                    ranks.all[rank]->sum({&number, 1});
                    if (rank == failing) throw bad_input("the disk is full", "here", "empty it");
                    try {
                        ranks.all[rank]->sum({&number, 1});
                    } catch (const RankAborted& aborted) {
                        told[rank] = aborted.what();
                        throw;
                    }
                });
            });
            CHECK(std::string(error.what()) == "the disk is full");
            CHECK(error.code() == ExitCode::bad_input);
            for (std::size_t rank = 0; rank < told.size(); ++rank)
                if (rank != failing)
                    CHECK(told[rank] == "Rank " + std::to_string(failing) + " failed: the disk is full");
            // There is no way back.
            CHECK_THROWS_AS(ranks.all[0]->barrier(), RankAborted);
        }
    }
}

TEST_CASE("nobody waits longer than the time limit, and the late ones are named") {
    Ranks ranks(3, 200ms);
    std::atomic<bool> others_are_through = false;
    const Error error = error_of([&] {
        ranks.threads.run([&](std::size_t rank) {
            if (rank == 1) {
                // Busy with something else for too long.
                while (!others_are_through) std::this_thread::sleep_for(1ms);
                CHECK_THROWS_AS(ranks.all[rank]->barrier(), Error);
                return;
            }
            try {
                ranks.all[rank]->barrier();
            } catch (...) {
                others_are_through = true;
                throw;
            }
        });
    });
    CHECK(std::string(error.what()) == "Rank 1 did not come to the barrier within 0.2 s");
    CHECK(error.where() == "rank 0 of 3");
}

TEST_CASE("ranks that want different things are told so") {
    Ranks ranks(2);
    const Error error = error_of([&] {
        ranks.threads.run([&](std::size_t rank) {
            Values values(rank == 0 ? 4 : 5);
            ranks.all[rank]->all_reduce(tensor(values));
        });
    });
    CHECK(contains(error.what(), "all-reduce of 4 on rank 0, all-reduce of 5 on rank 1"));
    CHECK(error.code() == ExitCode::internal);
}

TEST_CASE("what a rank shows is not gone before the others have read it, however they end") {
    // Under a memory checker: a rank is told of an end while others are still at work on its memory.
    for (int round = 0; round < 200; ++round) {
        Ranks ranks(4);
        CHECK_THROWS(ranks.threads.run([&](std::size_t rank) {
            for (int i = 0;; ++i) {
                Values values(3000, 1);
                if (rank == 3 && i == round % 5) throw bad_input("enough", "", "");
                ranks.all[rank]->all_reduce(tensor(values));
            }
        }));
    }
}
