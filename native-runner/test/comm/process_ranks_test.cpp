#include <doctest/doctest.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <cmath>
#include <functional>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "comm/processes/process_ranks.h"
#include "comm/rank_threads.h"
#include "support/free_port.h"

using namespace wishbone;
using namespace wishbone::test;
using namespace std::chrono_literals;

namespace {

using Values = std::vector<float>;

Tensor tensor(Values& values) {
    return {values.data(), DType::f32, {static_cast<std::int64_t>(values.size())}};
}

float number(int rank, std::size_t place) {
    return std::sin(static_cast<float>(place * 7 + static_cast<std::size_t>(rank) * 131 + 1)) *
           (rank % 2 == 0 ? 1e4f : 1e-3f);
}

Values numbers(int rank, std::size_t count) {
    Values values(count);
    for (std::size_t i = 0; i < count; ++i) values[i] = number(rank, i);
    return values;
}

/// Of so many ranks from `first` on.
Values sums_of(int first, int ranks, std::size_t count) {
    Values values = numbers(first, count);
    for (int rank = first + 1; rank < first + ranks; ++rank)
        for (std::size_t i = 0; i < count; ++i) values[i] += number(rank, i);
    return values;
}

Introduction introduction(int process, int processes, int port) {
    Introduction self;
    self.place.process = process;
    self.place.processes = processes;
    self.place.host = "127.0.0.1";
    self.place.port = port;
    self.place.port_from = "MASTER_PORT";
    self.version = "1.2.3";
    self.run = "run-1";
    self.folder = "/runs/run-1";
    return self;
}

ProcessLimits limits() {
    ProcessLimits limits;
    limits.meeting = 20s;
    limits.hello = 2s;
    limits.silence = 2s;
    limits.end = 30s;
    limits.work = 20s;
    return limits;
}

/// What each of some threads throws, or an Error with code ok; each stands for a process.
std::vector<Error> outcomes(int processes, const std::function<void(int process, int port)>& work) {
    const int port = free_port();
    std::vector<Error> all(static_cast<std::size_t>(processes), Error(ExitCode::ok, "", "", ""));
    {
        std::vector<std::jthread> threads;
        for (int process = 0; process < processes; ++process)
            threads.emplace_back([&, process] {
                try {
                    work(process, port);
                } catch (const Error& error) {
                    all[static_cast<std::size_t>(process)] = error;
                }
            });
    }
    return all;
}

/// As many processes as threads that each have so many ranks; work(communicator) in each rank. What the processes threw.
std::vector<Error> with_ranks(int processes, int ranks, const std::function<void(Communicator&)>& work) {
    return outcomes(processes, [&](int process, int port) {
        ProcessGroup group(introduction(process, processes, port), limits(), [] { return false; });
        const auto all = make_process_ranks(group, ranks);
        std::vector<Communicator*> plain;
        for (const auto& rank : all) plain.push_back(rank.get());
        try {
            if (ranks == 1)
                work(*plain.front());
            else
                RankThreads(plain).run([&](std::size_t rank) { work(*plain[rank]); });
        } catch (const Error& error) {
            group.fail(error);
            throw group.end().value_or(error);
        }
    });
}

void check_all_well(const std::vector<Error>& errors) {
    for (const Error& error : errors) CHECK(std::string(error.what()) == "");
}

bool contains(const std::string& text, const std::string& part) {
    return text.find(part) != std::string::npos;
}

}  // namespace

TEST_CASE("ranks of several processes: sums and copies are those of threads, bit for bit") {
    for (const auto& [processes, here] : {std::pair{2, 1}, {2, 2}, {3, 1}, {3, 3}}) {
        CAPTURE(processes);
        CAPTURE(here);
        const int size = processes * here;
        check_all_well(with_ranks(processes, here, [&, size = size](Communicator& own) {
            CHECK(own.size() == size);
            for (const std::size_t count :
                 {std::size_t{0}, std::size_t{5}, std::size_t(size == 4 ? 1100000 : 3000)}) {
                Values values = numbers(own.rank(), count);
                own.all_reduce(tensor(values));
                CHECK(values == sums_of(0, size, count));
            }
            for (int root = 0; root < size; ++root) {
                Values copy = numbers(own.rank(), 1000);
                own.broadcast(tensor(copy), root);
                CHECK(copy == numbers(root, 1000));
            }
            std::vector<double> few = {1.0, 0.1 * own.rank(), -0.0};
            own.sum(few);
            double expected = 0;
            for (int r = 0; r < size; ++r) expected += 0.1 * r;
            CHECK(few == std::vector<double>{static_cast<double>(size), expected, 0.0});
            own.barrier();
        }));
    }
}

TEST_CASE(
    "ranks of several processes: parts are shared out within each, and summed with their counterparts") {
    for (const auto& [processes, here] : {std::pair{2, 1}, {2, 2}, {3, 1}, {3, 3}}) {
        CAPTURE(processes);
        CAPTURE(here);
        check_all_well(
            with_ranks(processes, here, [&, processes = processes, here = here](Communicator& own) {
                CHECK(own.parts() == here);
                CHECK(own.part() == own.rank() % here);
                const std::int64_t part = 120001, begin = own.part() * part;
                const auto count = static_cast<std::size_t>(part * here);
                // Those of each process in their order, and then these.
                const Values whole_here = sums_of(own.rank() / here * here, here, count);
                Values whole = sums_of(0, here, count);
                for (int process = 1; process < processes; ++process) {
                    const Values other = sums_of(process * here, here, count);
                    for (std::size_t i = 0; i < count; ++i) whole[i] += other[i];
                }
                const auto own_of = [&](const Values& all) {
                    return Values(all.begin() + begin, all.begin() + begin + part);
                };
                Values all = numbers(own.rank(), count), shard(static_cast<std::size_t>(part));
                if (own.rank() % 2 == 0) {
                    own.reduce_scatter(tensor(shard), tensor(all));
                } else {
                    own.reduce_scatter(tensor(all).slice(begin, begin + part), tensor(all));
                    shard = own_of(all);
                }
                CHECK(shard == own_of(whole_here));
                own.reduce_counterparts(tensor(shard));
                CHECK(shard == own_of(whole));
                Values gathered(count);
                own.all_gather(tensor(gathered), tensor(shard));
                CHECK(gathered == whole);
                // In place too.
                Values again(count);
                std::copy(shard.begin(), shard.end(), again.begin() + begin);
                own.all_gather(tensor(again), tensor(again).slice(begin, begin + part));
                CHECK(again == whole);
                const auto shown = own.show(shard.data());
                REQUIRE(shown.size() == static_cast<std::size_t>(here));
                CHECK(shown[static_cast<std::size_t>(own.part())] == shard.data());
                Values pulled(static_cast<std::size_t>(part));
                own.pull(tensor(pulled), shown.back());
                CHECK(pulled == Values(whole.end() - part, whole.end()));
                // What others read stays until all have.
                own.barrier();
            }));
    }
}

TEST_CASE("ranks of several processes: those with different numbers of ranks have nothing in parts") {
    check_all_well(outcomes(2, [](int process, int port) {
        ProcessGroup group(introduction(process, 2, port), limits(), [] { return false; });
        for (const auto& rank : make_process_ranks(group, 2 + process)) {
            CHECK(rank->size() == 5);
            CHECK(rank->parts() == 1);
            CHECK(rank->part() == 0);
        }
    }));
}

TEST_CASE("ranks of several processes: a failure ends all with its own code and words") {
    for (const int failing : {0, 3}) {
        CAPTURE(failing);
        const auto begin = Clock::now();
        const auto errors = with_ranks(2, 2, [&](Communicator& own) {
            double one = 1;
            own.sum({&one, 1});
            if (own.rank() == failing)
                throw Error(ExitCode::cannot_write, "the disk is full", "/runs/1", "empty it");
            Values values(2000000);
            own.all_reduce(tensor(values));
        });
        const auto there = static_cast<std::size_t>(failing / 2);
        CHECK(std::string(errors[there].what()) == "the disk is full");
        CHECK(errors[there].code() == ExitCode::cannot_write);
        CHECK(errors[1 - there].code() == ExitCode::cannot_write);
        CHECK(contains(errors[1 - there].what(), "Process " + std::to_string(there) + " on "));
        CHECK(contains(errors[1 - there].what(), " failed: the disk is full"));
        CHECK(errors[1 - there].where() == "/runs/1");
        CHECK(errors[1 - there].advice() == "empty it");
        CHECK(Clock::now() - begin < 10s);
    }
}

TEST_CASE("ranks of several processes: those that want different things are told so") {
    const auto errors = with_ranks(2, 1, [](Communicator& own) {
        Values values(own.rank() == 0 ? 4 : 5);
        own.all_reduce(tensor(values));
    });
    for (const Error& error : errors) {
        CHECK(contains(error.what(), "Processes do not do the same: all-reduce of 4 "));
        CHECK(contains(error.what(), "all-reduce of 5 "));
        CHECK(error.code() == ExitCode::internal);
    }
}

TEST_CASE("ranks of several processes: long work is no silence, and a stop is heard of") {
    check_all_well(outcomes(2, [](int process, int port) {
        std::atomic<bool> stops = false;
        ProcessGroup group(introduction(process, 2, port), limits(), [&] { return stops.load(); });
        stops = process == 1;
        if (process == 0) {
            // More than the limit of silence: the other one computes, or waits for this one.
            std::this_thread::sleep_for(3s);
            CHECK(group.stop_asked());
        }
        CHECK(group.exchange(std::to_string(process)) == std::vector<std::string>{"0", "1"});
        CHECK(group.told(process == 0 ? "go" : "") == "go");
        CHECK(group.folder() == "/runs/run-1");
        // The first goes; that is no failure to who waits for it.
        if (process == 1) CHECK(group.told("").empty());
    }));
}

TEST_CASE("processes of different versions or numbers refuse each other") {
    const auto other = [](const std::function<void(Introduction&)>& change) {
        return outcomes(3, [&](int process, int port) {
            Introduction self = introduction(process, 3, port);
            if (process == 1) change(self);
            (void)meet(self, limits(), {});
        });
    };
    const auto check = [](const std::vector<Error>& errors, const char* what) {
        for (const Error& error : errors) {
            CAPTURE(std::string(error.what()));
            CHECK(error.code() == ExitCode::bad_input);
            CHECK(contains(error.what(), what));
        }
    };
    check(other([](Introduction& self) { self.version = "1.2.4"; }), "version 1.2.4 of the runner");
    check(other([](Introduction& self) { self.place.processes = 4; }), "was told of 4 processes");
    check(other([](Introduction& self) { self.place.process = 2; }), "is there twice");
    // Whoever comes later is told too.
    check(outcomes(3,
                   [](int process, int port) {
                       Introduction self = introduction(process, 3, port);
                       if (process == 1) self.version = "1.2.4";
                       if (process == 2) std::this_thread::sleep_for(300ms);
                       (void)meet(self, limits(), {});
                   }),
          "version 1.2.4 of the runner");
    const auto told = other([](Introduction& self) {
        self.failure = Error(ExitCode::out_of_memory, "no room", "here", "buy some");
    });
    for (const Error& error : told) {
        CAPTURE(std::string(error.what()));
        CHECK(error.code() == ExitCode::out_of_memory);
        CHECK(contains(error.what(), "failed: no room"));
    }
}

TEST_CASE("a process of another run is turned away and does no harm") {
    const auto errors = outcomes(3, [](int process, int port) {
        Introduction self = introduction(process == 2 ? 1 : process, 2, port);
        ProcessLimits own = limits();
        if (process == 2) {
            self.run = "run-2";
            own.meeting = 1s;
        } else if (process == 1) {
            std::this_thread::sleep_for(1500ms);
        }
        (void)meet(self, own, {});
    });
    CHECK(std::string(errors[0].what()) == "");
    CHECK(std::string(errors[1].what()) == "");
    CHECK(contains(errors[2].what(), "Another run has this meeting place: run-1"));
}

TEST_CASE("strangers and half-said words do not keep processes from meeting") {
    const auto errors = outcomes(3, [](int process, int port) {
        if (process == 2) {
            std::vector<FileDescriptor> strangers;
            for (int i = 0; i < 400; ++i)
                if (FileDescriptor stranger = connected_to(port)) {
                    const std::string bytes(static_cast<std::size_t>(i % 40), static_cast<char>(i * 37));
                    (void)!::write(stranger.get(), bytes.data(), bytes.size());
                    strangers.push_back(std::move(stranger));
                } else {
                    std::this_thread::sleep_for(2ms);
                }
            CHECK(strangers.size() > 50);
            return;
        }
        if (process == 1) std::this_thread::sleep_for(500ms);
        (void)meet(introduction(process, 2, port), limits(), {});
    });
    check_all_well(errors);
}
