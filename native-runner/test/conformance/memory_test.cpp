#include <algorithm>
#include <cmath>
#include <cstring>
#include <memory>
#include <numeric>
#include <random>
#include <string>

#include "conformance/test_device.h"
#include "core/error.h"

using namespace wishbone;
using namespace wishbone::conformance;

BACKEND_TEST("memory comes and goes, uploads do not need their source, sizes are counted") {
    Backend& backend = target.backend();
    const std::size_t before = backend.peak_memory();
    const std::size_t bytes = std::size_t{100} << 20;
    {
        const Buffer buffer = backend.allocate(bytes);
        CHECK(reinterpret_cast<std::uintptr_t>(buffer.get()) % 256 == 0);
        CHECK(backend.peak_memory() >= bytes);
        const Tensor tensor(buffer.get(), DType::i32, {static_cast<std::int64_t>(bytes / 4)});
        // More than pinned blocks hold together, in one call.
        std::vector<std::int32_t> source(bytes / 4), result(bytes / 4);
        std::iota(source.begin(), source.end(), 7);
        const std::vector<std::int32_t> copy = source;
        backend.upload(tensor, source.data());
        std::ranges::fill(source, -1);
        backend.download(result.data(), tensor);
        CHECK(result == copy);
        backend.zero(tensor);
        backend.synchronize();
        backend.download(result.data(), tensor);
        CHECK(std::ranges::all_of(result, [](std::int32_t value) { return value == 0; }));
        // Many small ones after one another.
        std::vector<Tensor> small;
        for (std::int32_t i = 0; i < 3000; ++i) {
            small.push_back(tensor.slice(i * 1000, i * 1000 + 999));
            std::vector<std::int32_t> values(999, i);
            backend.upload(small.back(), values.data());
        }
        for (std::int32_t i = 0; i < 3000; i += 499) {
            std::vector<std::int32_t> values(999);
            backend.download(values.data(), small[at(i)]);
            CHECK(values == std::vector<std::int32_t>(999, i));
        }
    }
    CHECK(backend.peak_memory() >= before);
    const Buffer none = backend.allocate(0), other = backend.allocate(0);
    CHECK(none.get() != nullptr);
    CHECK(none.get() != other.get());
    for (const std::size_t too_much : {std::size_t{1} << 50, ~std::size_t{0}}) {
        try {
            backend.allocate(too_much);
            FAIL("memory that no machine has was allocated");
        } catch (const Error& error) {
            CHECK(error.code() == ExitCode::out_of_memory);
            if (target.name == "cuda" && too_much == std::size_t{1} << 50)
                CHECK(std::string(error.what()).find("free") != std::string::npos);
        }
    }
}

BACKEND_TEST("parts are written by several threads and all there when the call returns") {
    Backend& backend = target.backend();
    constexpr std::size_t count = 37;
    const std::size_t whole = transfer_part_bytes / 4;
    const Buffer buffer = backend.allocate(count * transfer_part_bytes);
    const Tensor all(buffer.get(), DType::i32, {static_cast<std::int64_t>(count * whole)});
    std::vector<UploadPart> parts;
    for (std::size_t i = 0; i < count; ++i) {
        // The last is a short one.
        const std::size_t size = i + 1 < count ? whole : 1001;
        const auto begin = static_cast<std::int64_t>(i * whole);
        parts.push_back(
            {all.slice(begin, begin + static_cast<std::int64_t>(size)), [i, size](std::span<std::byte> to) {
                 CHECK(to.size() == size * 4);
                 auto* const values = reinterpret_cast<std::int32_t*>(to.data());
                 for (std::size_t j = 0; j < size; ++j)
                     values[j] = static_cast<std::int32_t>(i * 1000 + j % 997);
             }});
    }
    backend.upload_parts(parts);
    for (std::size_t i = 0; i < count; ++i) {
        std::vector<std::int32_t> values(at(parts[i].to.size()));
        backend.download(values.data(), parts[i].to);
        bool right = true;
        for (std::size_t j = 0; j < values.size(); ++j)
            right = right && values[j] == static_cast<std::int32_t>(i * 1000 + j % 997);
        CHECK(right);
    }
    // What a writer throws is thrown.
    parts[5].write = [](std::span<std::byte>) { throw bad_input("unreadable", "here", "try again"); };
    CHECK_THROWS_AS(backend.upload_parts(parts), Error);
    backend.upload_parts({});
}

BACKEND_TEST("parts are read as they were when it was asked for, and what a reader throws is thrown") {
    Backend& backend = target.backend();
    constexpr std::size_t count = 37;
    const auto whole = static_cast<std::int64_t>(transfer_part_bytes / sizeof(float));
    const Buffer buffer = backend.allocate(count * transfer_part_bytes);
    const Tensor all(buffer.get(), DType::f32, {static_cast<std::int64_t>(count) * whole});
    std::vector<float> values(static_cast<std::size_t>(all.size()));
    for (std::size_t i = 0; i < values.size(); ++i) values[i] = static_cast<float>(i % 1000003);
    backend.upload(all, values.data());
    backend.scale(all, 2);
    std::vector<float> read(values.size(), -1);
    std::vector<DownloadPart> parts;
    // The last is no whole one.
    for (std::size_t i = 0; i < count; ++i) {
        const std::int64_t begin = static_cast<std::int64_t>(i) * whole,
                           end = begin + (i + 1 < count ? whole : 5);
        parts.push_back({all.slice(begin, end), [&read, begin](std::span<const std::byte> bytes) {
                             std::memcpy(read.data() + begin, bytes.data(), bytes.size());
                         }});
    }
    for (int round = 0; round < 2; ++round) {
        std::ranges::fill(read, -1.0f);
        backend.download_parts(parts);
        bool right = true;
        for (std::size_t i = 0; i < read.size(); ++i)
            right = right &&
                    read[i] == (i < (count - 1) * static_cast<std::size_t>(whole) + 5 ? 2 * values[i] : -1);
        CHECK(right);
    }
    parts[5].read = [](std::span<const std::byte>) { throw bad_input("unwritable", "here", "try again"); };
    CHECK_THROWS_AS(backend.download_parts(parts), Error);
    backend.download_parts({});
}

BACKEND_TEST(
    "downloads that are begun bring what was there when they were asked for, whichever is waited for first") {
    Backend& backend = target.backend();
    constexpr std::size_t count = 100003, downloads = 5;
    const Buffer buffer = backend.allocate(count * sizeof(float));
    const Tensor tensor(buffer.get(), DType::f32, {static_cast<std::int64_t>(count)});
    std::vector<float> values(count);
    std::iota(values.begin(), values.end(), 1.0f);
    for (int round = 0; round < 2; ++round) {
        backend.upload(tensor, values.data());
        std::vector<std::unique_ptr<PendingDownload>> begun;
        for (std::size_t i = 0; i < downloads; ++i) {
            // Of different lengths: pieces that come back are used again.
            begun.push_back(
                backend.begin_download(tensor.slice(0, static_cast<std::int64_t>(count - 1000 * i))));
            backend.scale(tensor, 2);
        }
        begun[1].reset();  // nobody waits for it
        for (const std::size_t i : {4, 0, 3, 2}) {
            const std::span<const std::byte> bytes = begun[i]->wait();
            CHECK(begun[i]->is_there());
            REQUIRE(bytes.size() == (count - 1000 * i) * sizeof(float));
            std::vector<float> read(count - 1000 * i);
            std::memcpy(read.data(), bytes.data(), bytes.size());
            bool right = true;
            for (std::size_t j = 0; j < read.size(); ++j)
                right = right && read[j] == std::ldexp(values[j], static_cast<int>(i));
            CHECK(right);
        }
    }
    CHECK(backend.begin_download(tensor.slice(0, 0))->wait().empty());
}

BACKEND_TEST("copies, and conversions between f32 and what activations are, round to nearest even") {
    std::mt19937 random(1);
    for (const std::int64_t count : {1, 7, 8, 1003}) {
        TestDevice device(target);
        Values values = reference::random_values(random, at(count));
        values[0] = 1.00390625;  // half way between two bf16
        const Tensor f32 = device.put_f32(values, {count}), activations = device.poisoned({count}),
                     back = device.poisoned_f32({count}), same = device.poisoned({count});
        device.backend.copy(activations, f32);
        CHECK(device.get(activations) == device.rounded(values));
        device.backend.copy(back, activations);
        CHECK(device.get(back) == device.rounded(values));
        device.backend.copy(same, activations);
        CHECK(device.get(same) == device.rounded(values));
        if (count > 2) {  // addresses that are not aligned for vectors
            device.backend.copy(back.slice(1, count), activations.slice(0, count - 1));
            const Values shifted = device.get(back), all = device.get(activations);
            CHECK(std::equal(shifted.begin() + 1, shifted.end(), all.begin()));
        }
        CHECK_THROWS_AS(device.backend.copy(device.poisoned({count + 1}), activations), Error);
    }
}

BACKEND_TEST("a backend says what it is, and what it could still hold") {
    Backend& backend = target.backend();
    CHECK(backend.name() == target.name);
    CHECK_FALSE(backend.device_name().empty());
    CHECK(backend.threads() >= 1);
    CHECK(backend.kept_logits_budget() >= std::size_t{1} << 20);
    CHECK(backend.free_memory() > 0);
}

BACKEND_TEST("operations on nothing do nothing") {
    TestDevice device(target);
    const std::vector<std::int32_t> none;
    const Tensor empty = device.put({}, {0, 64}), rows = device.put(none), stat = device.put_f32({}, {0}),
                 w = device.put(Values(64, 1.0), {64}), table = device.put(Values(640, 1.0), {10, 64}),
                 d_w = device.put_f32(Values(64, 3.0), {64}),
                 d_table = device.put_f32(Values(640, 3.0), {10, 64});
    device.backend.embedding(empty, table, rows);
    device.backend.embedding_backward(d_table, rows, empty);
    device.backend.add_rmsnorm({}, empty, stat, empty, {}, w, {1e-5f, 0});
    device.backend.rmsnorm_backward(empty, d_w, empty, empty, empty, stat, w, {1e-5f, 0});
    device.backend.linear_backward_weight(d_table, device.put({}, {0, 10}), empty, true);
    device.backend.gather_rows(empty, table, rows);
    device.backend.scatter_add_rows(table, empty, rows);
    CHECK(device.get(d_w) == Values(64, 3.0));
    CHECK(device.get(d_table) == Values(640, 3.0));
    // The sum over nothing is zero.
    device.backend.linear_backward_weight(d_table, device.put({}, {0, 10}), empty, false);
    CHECK(device.get(d_table) == Values(640, 0.0));
    const Tensor d_head = device.poisoned_f32({10, 64});
    device.backend.head_logps_backward(empty, d_head, {}, empty, table, stat, {rows, rows}, stat, 0, false);
    CHECK(device.get(d_head) == Values(640, 0.0));
}
