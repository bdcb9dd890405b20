#include <algorithm>
#include <numeric>
#include <stdexcept>
#include <vector>

#include "conformance/test_device.h"

using namespace wishbone;
using namespace wishbone::conformance;

namespace {

std::vector<float> values_of(Backend& backend, Tensor tensor) {
    std::vector<float> values(static_cast<std::size_t>(tensor.size()));
    backend.download(values.data(), tensor);
    return values;
}

std::vector<float> ascending(std::int64_t count, float first) {
    std::vector<float> values(static_cast<std::size_t>(count));
    std::iota(values.begin(), values.end(), first);
    return values;
}

}  // namespace

BACKEND_TEST("pieces of the host's memory come, are worked on in order, and go back") {
    Backend& backend = target.backend();
    Backend& host = backend.host();
    for (const std::int64_t piece : {std::int64_t{1}, std::int64_t{1001}, std::int64_t{70000}}) {
        CAPTURE(piece);
        const std::int64_t count = 37 * piece - piece / 2;
        const auto bytes = static_cast<std::size_t>(count) * sizeof(float);
        const Buffer memory[] = {host.allocate(bytes), host.allocate(bytes), host.allocate(bytes)};
        const auto whole = [&](std::size_t i) { return Tensor(memory[i].get(), DType::f32, {count}); };
        // The first comes and goes, the second only comes, the third only goes.
        host.upload(whole(0), ascending(count, 1).data());
        host.upload(whole(1), ascending(count, 5).data());
        host.zero(whole(2));
        const Buffer on_device = backend.allocate(bytes);
        const Tensor kept(on_device.get(), DType::f32, {count});
        std::vector<std::int64_t> order;
        std::vector<StreamedPiece> pieces;
        for (std::int64_t begin = 0; begin < count; begin += piece) {
            const std::int64_t end = std::min(begin + piece, count);
            const auto part = [&](std::size_t i) { return whole(i).slice(begin, end); };
            pieces.push_back({{{part(0)}, {part(1), true, false}, {part(2), false, true}},
                              [&, begin, end](std::span<const Tensor> here) {
                                  order.push_back(begin);
                                  REQUIRE(here.size() == 3);
                                  backend.copy(kept.slice(begin, end), here[1]);
                                  backend.copy(here[2], here[0]);
                                  backend.scale(here[0], 2);
                                  // In place, it is there all the same.
                                  if (!backend.is_in_host_memory()) backend.scale(here[1], 3);
                              }});
        }
        for (int round = 0; round < 3; ++round) {
            order.clear();
            backend.stream_pieces(pieces);
            CHECK(order.size() == pieces.size());
            CHECK(std::ranges::is_sorted(order));
        }
        std::vector<float> expected = ascending(count, 1);
        for (float& value : expected) value *= 8;
        CHECK(values_of(host, whole(0)) == expected);
        for (float& value : expected) value /= 2;
        CHECK(values_of(host, whole(2)) == expected);
        CHECK(values_of(host, whole(1)) == ascending(count, 5));
        CHECK(values_of(backend, kept) == ascending(count, 5));
    }
}

BACKEND_TEST("memory of the host is whole in a piece that is larger than what is pinned at once") {
    Backend& backend = target.backend();
    // The CPU has no such limit.
    const std::int64_t count = backend.is_in_host_memory() ? 5000 : (std::int64_t{600} << 20) / 4;
    const Buffer memory = backend.host().allocate(static_cast<std::size_t>(count) * 4);
    const Tensor all(memory.get(), DType::f32, {count});
    backend.host().zero(all);
    auto* const values = all.as<float>();
    for (std::int64_t i = 0; i < count; i += 1023) values[i] = static_cast<float>(i % 4096);
    std::vector<StreamedPiece> pieces;
    for (std::int64_t begin = 0; begin < count; begin += count / 3)
        pieces.push_back({{{all.slice(begin, std::min(begin + count / 3, count))}},
                          [&](std::span<const Tensor> here) { backend.scale(here[0], 2); }});
    backend.stream_pieces(pieces);
    std::int64_t wrong = 0;
    for (std::int64_t i = 0; i < count; i += 1023) wrong += values[i] != static_cast<float>(2 * (i % 4096));
    CHECK(wrong == 0);
    CHECK(backend.host().peak_memory() >= static_cast<std::size_t>(count) * 4);
}

BACKEND_TEST("what the work on a piece throws is thrown, and the next pieces pass") {
    Backend& backend = target.backend();
    const Buffer memory = backend.host().allocate(4000);
    const Tensor all(memory.get(), DType::f32, {1000});
    const std::vector<float> before = ascending(1000, 3);
    backend.host().upload(all, before.data());
    std::vector<StreamedPiece> pieces;
    for (std::int64_t begin = 0; begin < 1000; begin += 100)
        pieces.push_back({{{all.slice(begin, begin + 100)}}, [begin](std::span<const Tensor>) {
                              if (begin == 500) throw std::runtime_error("no");
                          }});
    CHECK_THROWS_AS(backend.stream_pieces(pieces), std::runtime_error);
    pieces.resize(5);
    backend.stream_pieces(pieces);
    CHECK(values_of(backend.host(), all) == before);
}
