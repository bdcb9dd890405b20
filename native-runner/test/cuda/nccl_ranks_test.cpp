#include "comm/nccl/nccl_ranks.h"

#include <doctest/doctest.h>

#include <cmath>
#include <cstdio>
#include <memory>
#include <string>
#include <vector>

#include "comm/nccl/nccl.h"
#include "comm/rank_threads.h"
#include "core/error.h"
#include "core/stopwatch.h"
#include "support/temporary_folder.h"

using namespace wishbone;

namespace {

bool have_two_gpus() {
    static const bool two = [] {
        const std::size_t devices = cuda_info().devices.size();
        if (devices < 2) std::fprintf(stderr, "tests of two GPUs are skipped: %zu usable here\n", devices);
        return devices >= 2;
    }();
    return two;
}

/// Two GPUs, each with a backend that its rank's thread has made.
struct TwoGpus {
    explicit TwoGpus(std::chrono::duration<double> limit = std::chrono::seconds(60)) : backends(2) {
        for (int rank = 0; rank < 2; ++rank) {
            CudaOptions options;
            options.device = rank;
            backends[static_cast<std::size_t>(rank)] = make_cuda_backend(options);
        }
        std::vector<Backend*> plain = {backends[0].get(), backends[1].get()};
        ranks = make_nccl_ranks(plain, "", limit);
        threads = std::make_unique<RankThreads>(std::vector<Communicator*>{ranks[0].get(), ranks[1].get()});
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

std::vector<float> numbers(std::size_t rank, std::size_t count) {
    std::vector<float> values(count);
    for (std::size_t i = 0; i < count; ++i) values[i] = std::sin(static_cast<float>(i * 7 + rank * 131));
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
    TwoGpus gpus;
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

TEST_CASE("two GPUs: a rank that fails ends the other one, on the device too" *
          doctest::skip(!have_two_gpus())) {
    TwoGpus gpus(std::chrono::seconds(600));
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
