#include "backend/registry.h"

#include <doctest/doctest.h>

#include <cstdint>
#include <vector>

#include "backend/counting_backend.h"
#include "core/error.h"

using namespace wishbone;

TEST_CASE("backends: each row says what its backend says") {
    CHECK(!backends().front().status().devices.empty());
    for (const RegisteredBackend& row : backends()) {
        CAPTURE(row.name);
        const BackendStatus status = row.status();
        CHECK(status.devices.empty() == !status.problem.empty());
        BackendChoice choice;
        choice.name = row.name;
        if (status.devices.empty()) {
            CHECK_THROWS_AS(make_backend(choice), Error);
            continue;
        }
        const auto backend = make_backend(choice);
        CHECK(backend->name() == row.name);
        CHECK(backend->activation_dtype() == row.memory.activations);
        CHECK(backend->kept_logits_budget() == row.memory.kept_logits);
    }
}

TEST_CASE(
    "backends: the one that counts stands for any of them, and takes the name of none that is not there") {
    for (const RegisteredBackend& row : backends()) {
        CountingBackend counter(row.name);
        CHECK(counter.name() == row.name);
        CHECK(counter.activation_dtype() == row.memory.activations);
        CHECK(counter.memory_in_use() == row.memory.rounded(row.memory.library));
        const Buffer one = counter.allocate(1);
        CHECK(counter.memory_in_use() == row.memory.rounded(row.memory.library) + row.memory.rounded(1));
    }
    CHECK_THROWS_AS(CountingBackend("abacus"), Error);
    CHECK(backend_choices().front() == "auto");
    CHECK(backend_choices().size() == backends().size() + 1);
}

TEST_CASE(
    "backends: a head is counted with a chunk of logits, and where all are kept with sums of their powers") {
    const auto counted = [](std::int64_t kept) {
        CountingBackend counter("cuda");
        const std::size_t before = counter.memory_in_use();
        constexpr std::int64_t rows = 8000, vocabulary = 100'000, width = 64;
        const auto bf16 = [](std::int64_t of, std::int64_t each) {
            return Tensor(nullptr, DType::bf16, {of, each});
        };
        counter.head_logps({}, {}, kept > 0 ? Tensor(&counter, DType::bf16, {kept, vocabulary}) : Tensor(),
                           bf16(rows, width), bf16(vocabulary, width), {}, 0);
        return counter.memory_in_use() - before;
    };
    constexpr std::size_t mib = std::size_t{1} << 20;
    CHECK(counted(0) == 512 * mib);
    CHECK(counted(7000) == 192 * mib);  // 1000 rows of 200 kB: 190.7 MiB
    CHECK(counted(8000) == 24 * mib);   // 8000 rows of 391 tiles of 8 bytes: 23.9 MiB
}

TEST_CASE(
    "backends: gradients of scores are counted as far as they are kept, of long bins never less than of others") {
    const auto counted = [](const char* backend, std::int32_t tokens, std::int64_t head_dim) {
        CountingBackend counter(backend);
        const AttentionShape shape{32, 8, head_dim, 1.0f};
        // One sequence: every token is seen by all behind it.
        const std::vector<std::int32_t> until(static_cast<std::size_t>(tokens), tokens),
            position(static_cast<std::size_t>(tokens));
        const auto mask = counter.prepare_mask(until, position, shape);
        const std::size_t before = counter.memory_in_use();
        counter.attention_backward({}, {}, {}, Tensor(nullptr, DType::f32, {32, tokens}), {}, {}, *mask,
                                   shape, {});
        return counter.memory_in_use() - before;
    };
    constexpr std::size_t mib = std::size_t{1} << 20;
    const auto statistics = [](std::size_t tokens) { return 2 * 32 * tokens * 4; };
    CHECK(counted("cpu", 1024, 64) == 0);
    CHECK(counted("cuda", 1024, 96) <= statistics(1024) + mib);
    CHECK(counted("cuda", 1024, 64) >= statistics(1024) + 32 * 2 * (1024 * 1025 / 2));
    CHECK(counted("cuda", 16384, 64) >= statistics(16384) + 640 * mib);
    CHECK(counted("cuda", 16384, 64) <= statistics(16384) + 644 * mib);
    CHECK(counted("cuda", 16384, 128) >= statistics(16384) + 1152 * mib);
}
