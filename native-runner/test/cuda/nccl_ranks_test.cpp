#include "comm/nccl/nccl_ranks.h"

#include <doctest/doctest.h>

#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "comm/nccl/nccl.h"
#include "comm/rank_threads.h"
#include "core/error.h"
#include "core/stopwatch.h"
#include "support/free_port.h"
#include "support/temporary_folder.h"

using namespace wishbone;

namespace {

bool have_gpus(std::size_t count) {
    static const std::size_t devices = [] {
        const std::size_t usable = cuda_info().devices.size();
        if (usable < 4)
            std::fprintf(stderr, "tests of %s are skipped: %zu usable here\n",
                         usable < 2 ? "two and four GPUs" : "four GPUs", usable);
        return usable;
    }();
    return devices >= count;
}
bool have_two_gpus() { return have_gpus(2); }

/// Has ranks made meanwhile sum by copies between GPUs, or by NCCL.
struct Copies {
    explicit Copies(bool copies) { ::setenv("WISHBONE_PEER_COPIES", copies ? "1" : "0", 1); }
    ~Copies() { ::unsetenv("WISHBONE_PEER_COPIES"); }
};

/// GPUs from `first` on, each with a backend, and a thread for its rank.
struct Gpus {
    explicit Gpus(std::chrono::duration<double> limit = std::chrono::seconds(60), std::size_t count = 2,
                  int first = 0, ProcessGroup* processes = nullptr)
        : backends(count) {
        std::vector<Backend*> plain;
        for (std::size_t rank = 0; rank < count; ++rank) {
            CudaOptions options;
            options.device = first + static_cast<int>(rank);
            backends[rank] = make_cuda_backend(options);
            plain.push_back(backends[rank].get());
        }
        ranks = make_nccl_ranks(plain, "", limit, processes);
        std::vector<Communicator*> communicators;
        for (const auto& rank : ranks) communicators.push_back(rank.get());
        threads = std::make_unique<RankThreads>(communicators);
        // CUDA's current device is a thread's own.
        threads->run([&](std::size_t rank) { backends[rank]->make_current(); });
    }

    std::vector<std::unique_ptr<Backend>> backends;
    std::vector<std::unique_ptr<Communicator>> ranks;
    std::unique_ptr<RankThreads> threads;
};

/// A tensor of a rank, and what is in it.
struct Held {
    Held(Backend& backend, const std::vector<float>& values)
        : backend(backend),
          buffer(backend.allocate(values.size() * sizeof(float))),
          tensor(buffer.get(), DType::f32, {static_cast<std::int64_t>(values.size())}) {
        backend.upload(tensor, values.data());
    }
    std::vector<float> values() const {
        std::vector<float> all(static_cast<std::size_t>(tensor.size()));
        backend.download(all.data(), tensor);
        return all;
    }
    Backend& backend;
    Buffer buffer;
    Tensor tensor;
};

float number_of(std::size_t rank, std::size_t place) {
    return std::sin(static_cast<float>(place * 7 + rank * 131));
}

std::vector<float> numbers(std::size_t rank, std::size_t count) {
    std::vector<float> values(count);
    for (std::size_t i = 0; i < count; ++i) values[i] = number_of(rank, i);
    return values;
}

}  // namespace

TEST_CASE("an NCCL that is not there, or is something else, is one clear message") {
    const test::TemporaryFolder folder;
    const auto message = [](const std::string& path) -> std::string {
        try {
            const nccl::Library library(path);
        } catch (const Error& error) {
            CHECK(error.code() == ExitCode::bad_input);
            CHECK(error.advice().find("nvidia-nccl-cu13") != std::string::npos);
            return error.what();
        }
        return "";
    };
    const std::string missing = (folder / "libnccl.so.2").string();
    CHECK(message(missing).starts_with("The NCCL library \"" + missing + "\" cannot be used: "));
    CHECK(message("libm.so.6") ==
          "The NCCL library \"libm.so.6\" cannot be used: it has no function ncclGetVersion");
}

TEST_CASE("two GPUs: sums, parts and copies are those of the host, the same bits on both" *
          doctest::skip(!have_two_gpus())) {
    for (const bool copies : {false, true}) {
        CAPTURE(copies);
        const Copies by_copies(copies);
        Gpus gpus;
        for (const std::size_t count : {std::size_t{2}, std::size_t{8192}, std::size_t{50'000'000}}) {
            CAPTURE(count);
            std::vector<float> sums = numbers(0, count);
            const std::vector<float> other = numbers(1, count);
            for (std::size_t i = 0; i < count; ++i) sums[i] += other[i];
            std::vector<std::vector<float>> reduced(2), gathered(2), copied(2);
            std::vector<double> totals(2);
            gpus.threads->run([&](std::size_t rank) {
                Communicator& ranks = *gpus.ranks[rank];
                Backend& backend = *gpus.backends[rank];
                const Held x(backend, numbers(rank, count)), y(backend, numbers(rank, count));
                ranks.all_reduce(x.tensor);
                reduced[rank] = x.values();
                const auto half = static_cast<std::int64_t>(count / 2),
                           begin = static_cast<std::int64_t>(rank) * half;
                ranks.reduce_scatter(y.tensor.slice(begin, begin + half), y.tensor);
                ranks.all_gather(y.tensor, y.tensor.slice(begin, begin + half));
                gathered[rank] = y.values();
                const Held z(backend, numbers(rank, count));
                ranks.broadcast(z.tensor, 1);
                copied[rank] = z.values();
                double total = static_cast<double>(rank) + 0.5;
                ranks.sum({&total, 1});
                totals[rank] = total;
                ranks.check();
            });
            for (std::size_t rank = 0; rank < 2; ++rank) {
                // Of two numbers there is one sum.
                CHECK(reduced[rank] == sums);
                CHECK(gathered[rank] == sums);
                CHECK(copied[rank] == other);
                CHECK(totals[rank] == 2.0);
            }
        }
    }
}

TEST_CASE("two GPUs: by copies, tensors of any size beside work that changes them right after" *
          doctest::skip(!have_two_gpus())) {
    const Copies by_copies(true);
    Gpus gpus;
    gpus.threads->run([&](std::size_t rank) {
        Communicator& ranks = *gpus.ranks[rank];
        Backend& backend = *gpus.backends[rank];
        for (const std::size_t count : {1, 31, 33, 4097, 1'000'003, 70'000'001}) {
            const Held x(backend, numbers(rank, count));
            ranks.fork();
            for (int again = 0; again < 5; ++again) {
                backend.upload(x.tensor, numbers(rank, count).data());
                ranks.all_reduce(x.tensor);
                ranks.join(ranks.operations());
                if (again < 4) backend.zero(x.tensor);
            }
            ranks.join();
            std::vector<float> sums = numbers(0, count);
            const std::vector<float> other = numbers(1, count);
            for (std::size_t i = 0; i < count; ++i) sums[i] += other[i];
            CHECK(x.values() == sums);
        }
    });
}

TEST_CASE("four GPUs as two processes: parts are shared out within each, and summed with their counterparts" *
          doctest::skip(!have_gpus(4))) {
    for (const bool copies : {false, true}) {
        CAPTURE(copies);
        const Copies by_copies(copies);
        const int number = test::free_port();
        const auto process = [&](int which) {
            Introduction self;
            self.place.process = which;
            self.place.processes = 2;
            self.place.host = "127.0.0.1";
            self.place.port = number;
            self.place.port_from = "MASTER_PORT";
            self.version = "1.2.3";
            self.run = "run-1";
            ProcessGroup processes(self, ProcessLimits(), [] { return false; });
            Gpus gpus(std::chrono::seconds(60), 2, 2 * which, &processes);
            gpus.threads->run([&](std::size_t here) {
                Communicator& ranks = *gpus.ranks[here];
                Backend& backend = *gpus.backends[here];
                CHECK(ranks.size() == 4);
                CHECK(ranks.parts() == 2);
                CHECK(ranks.part() == static_cast<int>(here));
                const std::size_t count = 8'000'000;
                std::vector<float> sums(count);
                for (std::size_t i = 0; i < count; ++i)
                    sums[i] = (number_of(0, i) + number_of(1, i)) + (number_of(2, i) + number_of(3, i));
                const Held all(backend, numbers(static_cast<std::size_t>(ranks.rank()), count));
                const std::int64_t part = count / 2, begin = ranks.part() * part;
                const Tensor own = all.tensor.slice(begin, begin + part);
                ranks.fork();
                ranks.reduce_scatter(own, all.tensor);
                ranks.reduce_counterparts(own);
                ranks.join();
                ranks.all_gather(all.tensor, own);
                CHECK(all.values() == sums);
                const auto shown = ranks.show(own.data);
                const Held pulled(backend, std::vector<float>(static_cast<std::size_t>(part)));
                ranks.pull(pulled.tensor, shown[1]);
                ranks.join_pulls(ranks.pulls());
                CHECK(pulled.values() == std::vector<float>(sums.begin() + part, sums.end()));
                ranks.all_reduce(pulled.tensor);
                CHECK(pulled.values().front() == 4 * sums[static_cast<std::size_t>(part)]);
                ranks.check();
                ranks.barrier();
            });
        };
        std::jthread other([&] { CHECK_NOTHROW(process(1)); });
        CHECK_NOTHROW(process(0));
    }
}

TEST_CASE("two GPUs: a rank that fails ends the other one, on the device too" *
          doctest::skip(!have_two_gpus())) {
    Gpus gpus(std::chrono::seconds(600));
    const Stopwatch watch;
    try {
        gpus.threads->run([&](std::size_t rank) {
            const Held x(*gpus.backends[rank], numbers(rank, 1 << 20));
            gpus.ranks[rank]->all_reduce(x.tensor);
            if (rank == 1) throw bad_input("out of luck", "here", "try again");
            gpus.ranks[rank]->all_reduce(x.tensor);
            gpus.backends[rank]->synchronize();
            gpus.ranks[rank]->check();
        });
        FAIL("nothing was thrown");
    } catch (const Error& error) {
        CHECK(std::string(error.what()) == "out of luck");
    }
    CHECK(watch.seconds() < 30);
}
