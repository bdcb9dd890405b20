#include "backend/cuda/attention/attention.h"

#include <cuda_bf16.h>
#include <cuda_runtime_api.h>
#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <memory>
#include <random>
#include <string>

#include "backend/attention_window.h"
#include "backend/cuda/attention/mma/tiles.h"
#include "backend/cuda/runtime/check.h"
#include "conformance/target.h"
#include "core/error.h"
#include "cuda/stream_place.h"
#include "reference/attention_cases.h"
#include "reference/backward_reference.h"
#include "reference/differences.h"
#include "reference/operations_reference.h"
#include "reference/random_angles.h"
#include "reference/rounding.h"

using namespace wishbone;
using namespace wishbone::reference;
using conformance::have_cuda;
using cuda::AttentionPath;
using cuda::check;

// Inputs are numbers that bf16 holds, references are computed in double, outputs start as NaN with more NaN
// behind them that must stay. Tolerances: bf16 rounds probabilities and results, each by 2^-9 at most.

namespace {

std::size_t at(std::int64_t i) { return static_cast<std::size_t>(i); }

/// Heads [first, first + count) of every row.
Values heads(const Values& all, std::int64_t heads_in_row, std::int64_t first, std::int64_t count,
             std::int64_t dim) {
    Values part;
    const auto rows = static_cast<std::int64_t>(all.size()) / (heads_in_row * dim);
    for (std::int64_t r = 0; r < rows; ++r)
        for (std::int64_t i = first * dim; i < (first + count) * dim; ++i)
            part.push_back(all[at(r * heads_in_row * dim + i)]);
    return part;
}

class Stream {
  public:
    Stream() { check(cudaStreamCreateWithFlags(&stream_, cudaStreamNonBlocking), "cudaStreamCreate"); }
    ~Stream() { (void)cudaStreamDestroy(stream_); }
    Stream(const Stream&) = delete;
    Stream& operator=(const Stream&) = delete;
    operator cudaStream_t() const { return stream_; }

  private:
    cudaStream_t stream_ = nullptr;
};

/// Device memory full of NaN, with a strip behind that nobody may touch.
template <typename T>
class Poisoned {
  public:
    explicit Poisoned(std::int64_t count) : count_(at(count)) {
        check(cudaMalloc(&memory_, bytes()), "cudaMalloc");
        check(cudaMemset(memory_, 0xff, bytes()), "cudaMemset");
    }
    Poisoned(const std::vector<T>& values) : Poisoned(static_cast<std::int64_t>(values.size())) {
        check(cudaMemcpy(memory_, values.data(), count_ * sizeof(T), cudaMemcpyHostToDevice), "cudaMemcpy");
    }
    ~Poisoned() { (void)cudaFree(memory_); }
    Poisoned(const Poisoned&) = delete;
    Poisoned& operator=(const Poisoned&) = delete;

    T* get() const { return static_cast<T*>(memory_); }
    /// With the strip behind.
    std::vector<T> all() const {
        std::vector<T> values(count_ + behind);
        check(cudaMemcpy(values.data(), memory_, bytes(), cudaMemcpyDeviceToHost), "cudaMemcpy");
        return values;
    }
    std::vector<T> values() const {
        std::vector<T> result = all();
        result.resize(count_);
        return result;
    }
    bool behind_is_untouched() const {
        const std::vector<T> result = all();
        const std::vector<unsigned char> ones(behind * sizeof(T), 0xff);
        return std::memcmp(result.data() + count_, ones.data(), ones.size()) == 0;
    }

  private:
    static constexpr std::size_t behind = 100000;
    std::size_t bytes() const { return (count_ + behind) * sizeof(T); }

    std::size_t count_;
    void* memory_ = nullptr;
};

using Bits = std::vector<std::uint16_t>;

Bits to_bits(const Values& values) {
    Bits bits;
    for (const double value : values) bits.push_back(float_to_bfloat16(static_cast<float>(value)));
    return bits;
}

Values from_bits(const Bits& bits) {
    Values values;
    for (const std::uint16_t each : bits) values.push_back(static_cast<double>(bfloat16_to_float(each)));
    return values;
}

constexpr AttentionPath paths[] = {AttentionPath::automatic, AttentionPath::long_sequences,
                                   AttentionPath::portable};

struct Result {
    Bits out, d_qkv;
    std::vector<float> lse;
    bool inside = false;  ///< nothing was written behind the outputs
};

/// `delta` [T, Hq]: given to the backward pass, or empty.
Result run(const Values& qkv, const Values& d_out, const Mask& visible_until, const AttentionShape& shape,
           AttentionPath path, const Rotation& rotation = {}, const std::vector<float>& delta = {}) {
    static const cuda::Device device = cuda::use_device(0);
    const auto tokens = static_cast<std::int64_t>(visible_until.size());
    const Stream stream;
    test::StreamPlace place(device, stream);
    const Poisoned<std::uint16_t> in(to_bits(qkv)), d_result(to_bits(d_out));
    const Poisoned<std::uint16_t> out(tokens * shape.query_heads * shape.head_dim),
        d_in(tokens * heads_of(shape) * shape.head_dim);
    const Poisoned<float> lse(shape.query_heads * tokens), given(delta);
    const auto bf16 = [](const Poisoned<std::uint16_t>& array) {
        return reinterpret_cast<__nv_bfloat16*>(array.get());
    };
    check(cudaDeviceSynchronize(), "cudaDeviceSynchronize");
    {
        // The host's copy goes as soon as the mask is made.
        auto until = std::make_unique<Mask>(visible_until);
        const Mask position = depths(visible_until);
        const auto mask = cuda::make_attention_mask(device, place, *until, position, shape, path);
        std::ranges::fill(*until, -1);
        until.reset();
        const Poisoned<std::byte> workspace(
            static_cast<std::int64_t>(cuda::attention_backward_workspace(*mask, tokens, shape)));
        cuda::attention_forward(device, stream, bf16(out), lse.get(), bf16(in), *mask, tokens, shape);
        cuda::attention_backward(device, stream, bf16(d_in), bf16(d_result), bf16(out), lse.get(),
                                 delta.empty() ? nullptr : given.get(), bf16(in), *mask, tokens, shape,
                                 rotation, workspace.get());
        check(cudaStreamSynchronize(stream), "attention");
        CHECK(workspace.behind_is_untouched());
    }
    return {out.values(), d_in.values(), lse.values(),
            out.behind_is_untouched() && d_in.behind_is_untouched() && lse.behind_is_untouched()};
}

/// Error against the reference; where the reference is zero (a token that sees only itself has no gradient of
/// queries and keys) against numbers of size 1.
double error(const Values& values, const Values& expected) {
    double size = 0, off = 0;
    for (std::size_t i = 0; i < values.size(); ++i) {
        const double difference = values[i] - expected[i];
        size += expected[i] * expected[i];
        off += difference * difference;
    }
    return std::sqrt(off) / std::max(std::sqrt(size), 0.05 * std::sqrt(static_cast<double>(values.size())));
}

/// Σ dO·O of each token's query heads.
std::vector<float> deltas(const Values& d_out, const Bits& out, std::int64_t head_dim) {
    std::vector<float> sums(out.size() / static_cast<std::size_t>(head_dim));
    for (std::size_t i = 0; i < out.size(); ++i)
        sums[i / static_cast<std::size_t>(head_dim)] +=
            static_cast<float>(d_out[i]) * bfloat16_to_float(out[i]);
    return sums;
}

void check_attention(const Mask& visible_until, const AttentionShape& shape, double spread = 1.0) {
    const auto tokens = static_cast<std::int64_t>(visible_until.size());
    std::mt19937 random(static_cast<unsigned>(tokens + 1000 * shape.head_dim + shape.query_heads));
    const auto [qkv, d_out] = RandomAttention(random, DType::bf16, tokens, shape, spread);
    const Mask position = depths(visible_until);
    const Values out = attention(qkv, visible_until, shape, position),
                 lse = attention_lse(qkv, visible_until, shape, position);
    Bits out_of_gradient;
    Values gradient;
    for (const AttentionPath path : paths) {
        CAPTURE(tokens);
        CAPTURE(shape.query_heads);
        CAPTURE(shape.kv_heads);
        CAPTURE(shape.head_dim);
        CAPTURE(shape.window);
        CAPTURE(shape.softcap);
        CAPTURE(static_cast<int>(path));
        const Result result = run(qkv, d_out, visible_until, shape, path);
        CHECK(result.inside);
        CHECK(error(from_bits(result.out), out) < 4e-3);
        double worst = 0;
        for (std::size_t i = 0; i < lse.size(); ++i)
            worst = std::max(worst, std::abs(static_cast<double>(result.lse[i]) - lse[i]) /
                                        std::max(1.0, std::abs(lse[i])));
        CHECK(worst < 1e-4);
        if (result.out != out_of_gradient) {
            out_of_gradient = result.out;
            gradient = attention_backward(qkv, d_out, from_bits(result.out), visible_until, shape, position);
        }
        const auto part = [&](const Values& all, std::int64_t first, std::int64_t count) {
            return heads(all, heads_of(shape), first, count, shape.head_dim);
        };
        const std::int64_t q = shape.query_heads, kv = shape.kv_heads;
        const auto check_gradient = [&](const Values& d_qkv) {
            CHECK(error(part(d_qkv, 0, q), part(gradient, 0, q)) < 6e-3);
            CHECK(error(part(d_qkv, q, kv), part(gradient, q, kv)) < 6e-3);
            CHECK(error(part(d_qkv, q + kv, kv), part(gradient, q + kv, kv)) < 6e-3);
        };
        check_gradient(from_bits(result.d_qkv));
        const Result given =
            run(qkv, d_out, visible_until, shape, path, {}, deltas(d_out, result.out, shape.head_dim));
        CHECK(given.inside);
        check_gradient(from_bits(given.d_qkv));
        const Result again = run(qkv, d_out, visible_until, shape, path);
        CHECK(again.inside);
        CHECK(again.out == result.out);
        CHECK(std::memcmp(again.lse.data(), result.lse.data(), result.lse.size() * sizeof(float)) == 0);
        CHECK(again.d_qkv == result.d_qkv);
    }
}

/// Sequences of so many tokens each that begin with the same `prompt` tokens and have no others in common.
Mask begin_alike(std::int32_t sequences, std::int32_t prompt, std::int32_t each) {
    Mask until(static_cast<std::size_t>(prompt), prompt + sequences * each);
    for (std::int32_t s = 1; s <= sequences; ++s)
        until.insert(until.end(), static_cast<std::size_t>(each), prompt + s * each);
    return until;
}

/// One to one, 4:1, 6:1 and all on one KV head; every head size.
const std::vector<AttentionShape> shapes = {shape_of(2, 2, 64),  shape_of(8, 2, 64),   shape_of(16, 1, 64),
                                            shape_of(2, 2, 96),  shape_of(6, 1, 96),   shape_of(1, 1, 128),
                                            shape_of(4, 1, 128), shape_of(12, 2, 128), shape_of(2, 1, 256)};

}  // namespace

TEST_CASE("cuda attention: windows leave tiles that hold every visible pair, and full ones no other") {
    for (unsigned seed = 1; seed <= 20; ++seed) {
        const Mask until =
            random_trees(seed, {.trees = 6, .deepest = 6, .most_children = 3, .longest_segment = 9});
        const Mask position = depths(until);
        const auto tokens = static_cast<std::int32_t>(until.size());
        const std::int32_t group = 1 + static_cast<std::int32_t>(seed % 7), rows = 16, columns = 8,
                           window = 1 + static_cast<std::int32_t>(seed % 12);
        const auto sees = [&](std::int32_t q, std::int32_t k) {
            return k <= q && q < until[at(k)] && position[at(q)] - position[at(k)] < window;
        };
        const Mask first_seen = first_seen_tokens(until, position, window);
        for (std::int32_t q = 0; q < tokens; ++q)
            for (std::int32_t k = 0; k <= q; ++k)
                CHECK(sees(q, k) == (q < until[at(k)] && first_seen[at(q)] <= k));
        const cuda::mma::Tiles tiles = cuda::mma::make_tiles(until, group, rows, columns, first_seen);
        REQUIRE(tiles.windows.size() == tiles.queries.size());
        for (std::size_t i = 0; i < tiles.queries.size(); ++i) {
            const cuda::mma::QueryTile& tile = tiles.queries[i];
            const std::int32_t end = std::min(tile.row_begin + rows, tokens * group);
            const std::int32_t first = tile.row_begin / group, last = (end - 1) / group;
            Mask keys;  // by place
            for (std::int32_t k = 0; k < first; ++k)
                if (first < until[at(k)]) keys.push_back(k);
            for (std::int32_t k = first; k <= last; ++k) keys.push_back(k);
            for (std::int32_t place = 0; place < static_cast<std::int32_t>(keys.size()); ++place)
                for (std::int32_t q = first; q <= last; ++q) {
                    if (place < tiles.windows[i].first) CHECK_FALSE(sees(q, keys[at(place)]));
                    if (place >= tiles.windows[i].full && place < tile.full) CHECK(sees(q, keys[at(place)]));
                }
        }
        for (const cuda::mma::KeyTile& tile : tiles.keys)
            for (std::int32_t k = tile.key_begin; k < std::min(tile.key_begin + columns, tokens); ++k)
                for (std::int32_t q = tile.query_end; q < tokens; ++q) CHECK_FALSE(sees(q, k));
    }
}

TEST_CASE("cuda attention: tile lists name every visible pair, and full tiles hold no other") {
    for (unsigned seed = 1; seed <= 20; ++seed) {
        const Mask until =
            random_trees(seed, {.trees = 6, .deepest = 6, .most_children = 3, .longest_segment = 9});
        const auto tokens = static_cast<std::int32_t>(until.size());
        const std::int32_t group = 1 + static_cast<std::int32_t>(seed % 7), rows = 16, columns = 8;
        const cuda::mma::Tiles tiles = cuda::mma::make_tiles(until, group, rows, columns);
        const auto sees = [&](std::int32_t q, std::int32_t k) { return k <= q && q < until[at(k)]; };
        std::vector<int> covered(at(tokens) * at(group));
        for (const cuda::mma::QueryTile& tile : tiles.queries) {
            const std::int32_t end = std::min(tile.row_begin + rows, tokens * group);
            for (std::int32_t r = tile.row_begin; r < end; ++r) ++covered[at(r)];
            const std::int32_t first = tile.row_begin / group, last = (end - 1) / group;
            std::vector<bool> listed(at(tokens));
            cuda::mma::KeyRun run = tile.run;
            for (std::int32_t place = tile.ancestors - 1; place >= 0; --place) {
                while (place < run.depth) run = tiles.runs[at(run.parent)];
                const std::int32_t key = run.begin + place - run.depth;
                listed[at(key)] = true;
                for (std::int32_t q = first; place < tile.full && q <= last; ++q) CHECK(sees(q, key));
            }
            for (std::int32_t k = first; k <= last; ++k) listed[at(k)] = true;
            for (std::int32_t q = first; q <= last; ++q)
                for (std::int32_t k = 0; k < tokens; ++k)
                    if (sees(q, k)) CHECK(listed[at(k)]);
        }
        for (const int times : covered) CHECK(times == 1);
        std::vector<int> keys(at(tokens));
        for (const cuda::mma::KeyTile& tile : tiles.keys)
            for (std::int32_t k = tile.key_begin; k < std::min(tile.key_begin + columns, tokens); ++k) {
                ++keys[at(k)];
                CHECK(until[at(k)] <= tile.query_end);
            }
        for (const int times : keys) CHECK(times == 1);
    }
    CHECK_THROWS_AS(cuda::mma::make_tiles(Mask{3, 1, 3}, 1, 16, 8), Error);
    CHECK_THROWS_AS(cuda::mma::make_tiles(Mask{3, 3, 4}, 1, 16, 8), Error);
    CHECK_THROWS_AS(cuda::mma::make_tiles(Mask{2, 3, 3}, 1, 16, 8), Error);
}

TEST_CASE("cuda attention: random trees of odd lengths" * doctest::skip(!have_cuda())) {
    unsigned seed = 1;
    for (const AttentionShape& shape : shapes) {
        ++seed;
        check_attention(
            random_trees(seed, {.trees = 4, .deepest = 4, .most_children = 3, .longest_segment = 20}), shape);
        check_attention(
            random_trees(seed, {.trees = 8, .deepest = 8, .most_children = 2, .longest_segment = 2}), shape);
        check_attention(
            random_trees(seed, {.trees = 1, .deepest = 3, .most_children = 2, .longest_segment = 130}),
            shape);
    }
}

TEST_CASE("cuda attention: single tokens, plain sequences and preference pairs" *
          doctest::skip(!have_cuda())) {
    for (const AttentionShape& shape : shapes) {
        check_attention({1}, shape);
        check_attention({2, 2}, shape);
        Mask singles;  // as padding is
        for (std::int32_t i = 1; i <= 131; ++i) singles.push_back(i);
        check_attention(singles, shape);
        check_attention(Mask(129, 129), shape);
        check_attention(pairs(2, 100, 40, 45), shape);
        check_attention(pairs(9, 1, 1, 1), shape);
    }
}

TEST_CASE("cuda attention: 64 branches from one prompt, and a branch at every token" *
          doctest::skip(!have_cuda())) {
    for (const AttentionShape& shape : shapes) {
        Mask branches(37, 37 + 64 * 3);
        for (std::int32_t b = 0; b < 64; ++b) branches.insert(branches.end(), 3, 37 + 3 * b + 3);
        check_attention(branches, shape);
        Mask comb;
        for (std::int32_t i = 0; i < 90; ++i) comb.insert(comb.end(), {180, 2 * i + 2});
        check_attention(comb, shape);
    }
}

TEST_CASE("cuda attention: keys that nearly all queries see, which Hopper's backward pass works at in parts" *
          doctest::skip(!have_cuda())) {
    for (AttentionShape shape :
         {shape_of(16, 1, 64), shape_of(32, 2, 64), shape_of(16, 1, 128), shape_of(32, 1, 128)}) {
        check_attention(begin_alike(80, 3, 10), shape);
        check_attention(begin_alike(9, 70, 61), shape);
        shape.softcap = 2;
        check_attention(begin_alike(80, 5, 7), shape);
        // Far behind the first keys the window leaves some of them.
        shape.window = 8;
        check_attention(begin_alike(80, 5, 7), shape);
    }
}

TEST_CASE("cuda attention: large scores" * doctest::skip(!have_cuda())) {
    for (const AttentionShape& shape : {shape_of(4, 1, 64), shape_of(4, 1, 128), shape_of(2, 1, 256)}) {
        // Scores of up to a hundred: softmax picks one key, and hidden scores are far above visible ones.
        const auto tokens = std::int64_t{150};
        const Mask until = pairs(1, 50, 50, 50);
        std::mt19937 random(5);
        const auto [qkv, d_out] = RandomAttention(random, DType::bf16, tokens, shape, 4.0);
        for (const AttentionPath path : paths) {
            const Result before = run(qkv, d_out, until, shape, path);
            CHECK(error(from_bits(before.out), attention(qkv, until, shape)) < 4e-3);
            // The keys of the first branch are hidden from the second, however large they are.
            Values large = qkv;
            const auto row = heads_of(shape) * shape.head_dim;
            for (auto i = at(50 * row); i < at(100 * row); ++i) large[i] *= 256;
            const Result after = run(large, d_out, until, shape, path);
            const auto same = [&](std::int64_t from, std::int64_t to) {
                const std::int64_t size = shape.query_heads * shape.head_dim;
                return std::equal(before.out.begin() + from * size, before.out.begin() + to * size,
                                  after.out.begin() + from * size);
            };
            CHECK(same(0, 50));
            CHECK(same(100, 150));
        }
    }
}

TEST_CASE("cuda attention: gradients of queries and keys are turned back before they are rounded" *
          doctest::skip(!have_cuda())) {
    const cuda::Device device = cuda::use_device(0);
    const Stream stream;
    test::StreamPlace place(device, stream);
    const std::vector<Mask> masks = {
        {1},
        pairs(9, 1, 1, 1),
        pairs(7, 30, 20, 25),
        random_trees(91, {.trees = 6, .deepest = 5, .most_children = 3, .longest_segment = 15}),
        random_trees(92, {.trees = 1, .deepest = 3, .most_children = 2, .longest_segment = 200}),
        Mask(517, 517),
        begin_alike(80, 3, 7)};
    const auto f32 = [](const Values& values) { return std::vector<float>(values.begin(), values.end()); };
    const auto check_planes = [&](const AttentionShape& shape, const Mask& until, AttentionPath path) {
        CAPTURE(static_cast<int>(path));
        CAPTURE(shape.query_heads);
        CAPTURE(shape.kv_heads);
        CAPTURE(shape.head_dim);
        CAPTURE(until.size());
        const auto tokens = static_cast<std::int64_t>(until.size());
        std::mt19937 random(static_cast<unsigned>(tokens + 1000 * shape.head_dim + shape.query_heads));
        const Mask position = depths(until);
        const std::int64_t positions = *std::ranges::max_element(position) + 1;
        const auto [qkv, d_out] = RandomAttention(random, DType::bf16, tokens, shape);
        const Result plain = run(qkv, d_out, until, shape, path);
        const Values unturned = from_bits(plain.d_qkv),
                     behind = attention_backward(qkv, d_out, from_bits(plain.out), until, shape, position);
        double largest = 0;
        for (const double value : unturned) largest = std::max(largest, std::abs(value));
        const auto part = [&](const Values& all, std::int64_t first, std::int64_t count) {
            return heads(all, heads_of(shape), first, count, shape.head_dim);
        };
        const Poisoned<std::int32_t> places(position);
        for (std::int64_t planes = 4; planes <= shape.head_dim / 2; planes += 4) {
            CAPTURE(planes);
            const RandomAngles angles(random, positions, planes);
            const Poisoned<float> cos(f32(angles.cos)), sin(f32(angles.sin));
            const Rotation rotation{Tensor(cos.get(), DType::f32, {positions, planes}),
                                    Tensor(sin.get(), DType::f32, {positions, planes}),
                                    Tensor(places.get(), DType::i32, {tokens})};
            const auto rotates = [&](AttentionPath taken) {
                const auto mask = cuda::make_attention_mask(device, place, until, position, shape, taken);
                return cuda::attention_backward_rotates(*mask, tokens, shape, rotation);
            };
            CHECK_FALSE(rotates(AttentionPath::portable));
            const bool known = planes % 8 == 0 && shape.head_dim != 96 && device.capability == 90;
            CHECK(rotates(path) == known);
            if (!known) {
                CHECK_THROWS_AS(run(qkv, d_out, until, shape, path, rotation), Error);
                continue;
            }
            const Result found = run(qkv, d_out, until, shape, path, rotation);
            CHECK(found.inside);
            CHECK(found.out == plain.out);
            const Values d_qkv = from_bits(found.d_qkv);
            const auto turned_back = [&](const Values& gradient) {
                return rope(gradient, angles.cos, angles.minus_sin, position, shape, 2 * planes);
            };
            const std::int64_t q = shape.query_heads, kv = shape.kv_heads;
            const Values expected = turned_back(behind);
            CHECK(error(part(d_qkv, 0, q), part(expected, 0, q)) < 6e-3);
            CHECK(error(part(d_qkv, q, kv), part(expected, q, kv)) < 6e-3);
            // Against what the same kernels leave unturned: within the roundings of a plane's two elements and its own.
            CHECK(largest_error(d_qkv, turned_back(unturned), largest) < 2.1 * bf16_rounding);
            CHECK(part(d_qkv, q + kv, kv) == part(unturned, q + kv, kv));
        }
    };
    for (const AttentionShape& shape :
         {shape_of(2, 2, 64), shape_of(8, 2, 64), shape_of(16, 1, 64), shape_of(7, 1, 64),
          shape_of(1, 1, 128), shape_of(12, 2, 128), shape_of(5, 1, 128), shape_of(3, 1, 96)})
        for (const Mask& until : masks)
            for (const AttentionPath path : {AttentionPath::automatic, AttentionPath::long_sequences})
                check_planes(shape, until, path);
}

TEST_CASE("cuda attention: the same bits every time" * doctest::skip(!have_cuda())) {
    std::mt19937 random(11);
    const Mask until =
        random_trees(3, {.trees = 12, .deepest = 4, .most_children = 3, .longest_segment = 60});
    const auto tokens = static_cast<std::int64_t>(until.size());
    for (const AttentionShape& shape : shapes) {
        const auto [qkv, d_out] = RandomAttention(random, DType::bf16, tokens, shape);
        for (const AttentionPath path : paths) {
            const Result first = run(qkv, d_out, until, shape, path);
            for (int i = 0; i < 3; ++i) {
                const Result again = run(qkv, d_out, until, shape, path);
                CHECK(again.out == first.out);
                CHECK(std::memcmp(again.lse.data(), first.lse.data(), first.lse.size() * sizeof(float)) == 0);
                CHECK(again.d_qkv == first.d_qkv);
            }
        }
    }
}

TEST_CASE("cuda attention: heads and masks that do not fit are refused" * doctest::skip(!have_cuda())) {
    const cuda::Device device = cuda::use_device(0);
    const Stream stream;
    test::StreamPlace place(device, stream);
    const Mask position(3);
    const auto prepare = [&](const Mask& until, const AttentionShape& shape) {
        return cuda::make_attention_mask(device, place, until, position, shape);
    };
    CHECK_THROWS_AS(prepare({3, 3, 3}, shape_of(2, 1, 80)), Error);
    CHECK_THROWS_AS(prepare({3, 3, 3}, shape_of(3, 2, 64)), Error);
    CHECK_THROWS_AS(prepare({3, 1, 3}, shape_of(2, 1, 64)), Error);
    const auto mask = prepare({3, 3, 3}, shape_of(2, 1, 64));
    CHECK_THROWS_AS(cuda::attention_backward_workspace(*mask, 4, shape_of(2, 1, 64)), Error);
}

TEST_CASE("cuda attention: capped scores" * doctest::skip(!have_cuda())) {
    const Mask small =
        random_trees(81, {.trees = 5, .deepest = 5, .most_children = 3, .longest_segment = 14});
    for (AttentionShape shape : shapes) {
        shape.softcap = 1;
        check_attention(small, shape);
        check_attention(pairs(2, 100, 40, 45), shape);
        shape.softcap = 30;
        check_attention(Mask(129, 129), shape);
        // Most scores are near the cap.
        shape.softcap = 2;
        check_attention(pairs(1, 90, 30, 40), shape, 2.0);
    }
}

TEST_CASE("cuda attention: sliding windows" * doctest::skip(!have_cuda())) {
    const Mask small =
                   random_trees(91, {.trees = 5, .deepest = 5, .most_children = 3, .longest_segment = 14}),
               large =
                   random_trees(92, {.trees = 2, .deepest = 3, .most_children = 2, .longest_segment = 110});
    for (AttentionShape shape : shapes) {
        const auto check = [&](const Mask& mask, std::int64_t window) {
            shape.window = window;
            check_attention(mask, shape);
        };
        check(small, 1);
        check(small, 9);
        check(pairs(2, 100, 40, 45), 16);
        check(pairs(2, 30, 70, 85), 45);
        check(Mask(300, 300), 64);
        check(large, 100);
    }
    // Windows that hold whole tiles, and leave others out.
    for (AttentionShape shape : {shape_of(4, 1, 64), shape_of(4, 1, 128), shape_of(2, 1, 256)}) {
        shape.window = 400;
        check_attention(Mask(900, 900), shape);
        shape.softcap = 5;
        check_attention(pairs(1, 500, 260, 300), shape);
    }
}

TEST_CASE("cuda: attention with sliding windows and capped scores" * doctest::skip(!have_cuda())) {
    const Mask plain(300, 300);
    const Mask small = random_trees(71, {.trees = 6, .deepest = 4, .most_children = 3, .longest_segment = 9}),
               large =
                   random_trees(72, {.trees = 2, .deepest = 3, .most_children = 2, .longest_segment = 90});
    for (const std::int64_t head_dim : {64, 96, 128, 256})
        for (const std::int64_t window : {0, 1, 7, 64, 100})
            for (const float softcap : {0.0f, 3.0f}) {
                if (window == 0 && softcap == 0) continue;
                AttentionShape shape = shape_of(head_dim > 128 ? 2 : 4, head_dim == 96 ? 4 : 2, head_dim);
                shape.window = window;
                shape.softcap = softcap;
                for (const Mask* mask : {&plain, &small, &large}) check_attention(*mask, shape);
            }
}
