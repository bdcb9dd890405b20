#include "backend/registry.h"

#include <doctest/doctest.h>

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
