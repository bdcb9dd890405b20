// How fast attention is by itself: bins of 16,384 tokens of equal preference pairs (a prompt and two
// responses), each kernel path, forward and backward. One JSON object a line. Rates count visible scores
// only: forward 4 · Hq · D · (visible pairs), backward 2.5 times that, the same count as for any other
// implementation. `bwd_rope_ms`: backward to gradients before RoPE, where the kernels give these.
//   attention_benchmark             every path
//   attention_benchmark automatic   only the kernels this GPU would take
//   attention_benchmark long_sequences    the same, but those of long sequences for all bins
//   attention_benchmark portable    only those that run on every GPU
//   attention_benchmark [path] --window 1024 --softcap 50    with a sliding window, with capped scores

#include <cuda_bf16.h>
#include <cuda_runtime_api.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <memory>
#include <string_view>
#include <vector>

#include "backend/cuda/attention/attention.h"
#include "backend/cuda/runtime/check.h"
#include "cuda/stream_place.h"

namespace {

using namespace wishbone;
using namespace wishbone::cuda;

constexpr int capacity = 16384;

struct Free {
    void operator()(void* memory) const { (void)cudaFree(memory); }
};
template <typename T>
using DeviceArray = std::unique_ptr<T, Free>;

template <typename T>
DeviceArray<T> allocate(std::int64_t count) {
    void* memory = nullptr;
    check(cudaMalloc(&memory, static_cast<std::size_t>(count) * sizeof(T)), "cudaMalloc");
    return DeviceArray<T>(static_cast<T*>(memory));
}

/// Sums of four uniform numbers, spread 1: near enough to normal, and quick to draw by the hundred million.
DeviceArray<__nv_bfloat16> random_array(std::int64_t count, std::uint64_t seed) {
    std::vector<__nv_bfloat16> values(static_cast<std::size_t>(count));
    std::uint64_t state = seed * 0x9e3779b97f4a7c15u + 1;
    for (__nv_bfloat16& value : values) {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        float sum = 0;
        for (int i = 0; i < 4; ++i) sum += static_cast<float>(state >> (16 * i) & 0xffff) / 65536.0f - 0.5f;
        value = __float2bfloat16(sum * 1.7320508f);
    }
    DeviceArray<__nv_bfloat16> array = allocate<__nv_bfloat16>(count);
    check(
        cudaMemcpy(array.get(), values.data(), values.size() * sizeof(__nv_bfloat16), cudaMemcpyHostToDevice),
        "cudaMemcpy");
    return array;
}

constexpr AttentionPath paths[] = {AttentionPath::automatic, AttentionPath::long_sequences,
                                   AttentionPath::portable};

const char* name_of(AttentionPath path) {
    return path == AttentionPath::portable    ? "portable"
           : path == AttentionPath::automatic ? "automatic"
                                              : "long_sequences";
}

struct Bin {
    const char* name;
    int prompt, chosen, rejected;
    int alike = 0;  ///< tokens that all of the bin's sequences begin with, before the prompt

    std::vector<std::int32_t> visible_until() const {
        std::vector<std::int32_t> until(static_cast<std::size_t>(alike), capacity);
        for (std::int32_t begin = alike; begin + prompt + chosen + rejected <= capacity;) {
            const std::int32_t end = begin + prompt + chosen + rejected;
            until.insert(until.end(), static_cast<std::size_t>(prompt), end);
            until.insert(until.end(), static_cast<std::size_t>(chosen), begin + prompt + chosen);
            until.insert(until.end(), static_cast<std::size_t>(rejected), end);
            begin = end;
        }
        // The rest is a pair of its own, so that every bin has the same length.
        while (until.size() < capacity) until.push_back(capacity);
        return until;
    }
};

/// How many ancestors each token has.
std::vector<std::int32_t> positions(const std::vector<std::int32_t>& until) {
    std::vector<std::int32_t> depth, path;
    for (std::int32_t q = 0; q < static_cast<std::int32_t>(until.size()); ++q) {
        while (!path.empty() && until[static_cast<std::size_t>(path.back())] <= q) path.pop_back();
        depth.push_back(static_cast<std::int32_t>(path.size()));
        path.push_back(q);
    }
    return depth;
}

/// `window` 0: none.
double visible_pairs(const std::vector<std::int32_t>& position, std::int64_t window) {
    double pairs = 0;
    for (const std::int32_t ancestors : position) {
        const std::int64_t seen = ancestors + 1;
        pairs += static_cast<double>(window > 0 ? std::min(seen, window) : seen);
    }
    return pairs;
}

/// Median milliseconds of a call, on the device's clock.
double time(cudaStream_t stream, const std::function<void()>& call) {
    cudaEvent_t begin = nullptr, end = nullptr;
    check(cudaEventCreate(&begin), "cudaEventCreate");
    check(cudaEventCreate(&end), "cudaEventCreate");
    for (int i = 0; i < 5; ++i) call();
    std::vector<float> times(30);
    for (float& each : times) {
        check(cudaEventRecord(begin, stream), "cudaEventRecord");
        call();
        check(cudaEventRecord(end, stream), "cudaEventRecord");
        check(cudaEventSynchronize(end), "attention");
        check(cudaEventElapsedTime(&each, begin, end), "cudaEventElapsedTime");
    }
    check(cudaEventDestroy(begin), "cudaEventDestroy");
    check(cudaEventDestroy(end), "cudaEventDestroy");
    std::nth_element(times.begin(), times.begin() + 15, times.end());
    return static_cast<double>(times[15]);
}

struct Arrays {
    explicit Arrays(const AttentionShape& s)
        : qkv(random_array(capacity * (s.query_heads + 2 * s.kv_heads) * s.head_dim, 1)),
          d_out(random_array(capacity * s.query_heads * s.head_dim, 2)),
          out(allocate<__nv_bfloat16>(capacity * s.query_heads * s.head_dim)),
          d_qkv(allocate<__nv_bfloat16>(capacity * (s.query_heads + 2 * s.kv_heads) * s.head_dim)),
          lse(allocate<float>(capacity * s.query_heads)),
          delta(allocate<float>(capacity * s.query_heads)),
          angles(allocate<float>(capacity * s.head_dim)) {
        // Angles of nothing: which ones they are takes no time.
        check(cudaMemset(delta.get(), 0, capacity * s.query_heads * sizeof(float)), "cudaMemset");
        check(cudaMemset(angles.get(), 0, capacity * s.head_dim * sizeof(float)), "cudaMemset");
    }

    DeviceArray<__nv_bfloat16> qkv, d_out, out, d_qkv;
    DeviceArray<float> lse, delta;
    DeviceArray<float> angles;  ///< cosines of half a head at every position, then sines
};

void measure(const Device& device, cudaStream_t stream, const Arrays& arrays, const AttentionShape& shape,
             const Bin& bin, AttentionPath path) {
    const std::vector<std::int32_t> until = bin.visible_until(), position = positions(until);
    test::StreamPlace mask_place(device, stream);
    const auto prepare = [&] {
        return make_attention_mask(device, mask_place, until, position, shape, path);
    };
    std::vector<double> prepare_times(9);
    for (double& each : prepare_times) {
        const auto begin = std::chrono::steady_clock::now();
        const auto made = prepare();
        each = std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - begin).count();
    }
    std::nth_element(prepare_times.begin(), prepare_times.begin() + 4, prepare_times.end());
    const auto mask = prepare();
    // Preparing a bin must not wait for work that is still in the stream.
    for (int i = 0; i < 8; ++i)
        attention_forward(device, stream, arrays.out.get(), arrays.lse.get(), arrays.qkv.get(), *mask,
                          capacity, shape);
    const auto busy_begin = std::chrono::steady_clock::now();
    (void)prepare();
    const double busy_prepare =
        std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - busy_begin).count();
    const DeviceArray<std::byte> workspace = allocate<std::byte>(static_cast<std::int64_t>(
        std::max<std::size_t>(attention_backward_workspace(*mask, capacity, shape), 1)));
    const double forward = time(stream, [&] {
        attention_forward(device, stream, arrays.out.get(), arrays.lse.get(), arrays.qkv.get(), *mask,
                          capacity, shape);
    });
    const auto time_backward = [&](const Rotation& rotation, const float* delta = nullptr) {
        return time(stream, [&] {
            attention_backward(device, stream, arrays.d_qkv.get(), arrays.d_out.get(), arrays.out.get(),
                               arrays.lse.get(), delta, arrays.qkv.get(), *mask, capacity, shape, rotation,
                               workspace.get());
        });
    };
    const double backward = time_backward({}), backward_given = time_backward({}, arrays.delta.get());
    const DeviceArray<std::int32_t> place = allocate<std::int32_t>(capacity);
    check(cudaMemcpy(place.get(), position.data(), position.size() * sizeof(std::int32_t),
                     cudaMemcpyHostToDevice),
          "cudaMemcpy");
    const std::int64_t planes = shape.head_dim / 2;
    const Rotation rotation{Tensor(arrays.angles.get(), DType::f32, {capacity, planes}),
                            Tensor(arrays.angles.get() + capacity * planes, DType::f32, {capacity, planes}),
                            Tensor(place.get(), DType::i32, {capacity})};
    const bool rotates = attention_backward_rotates(*mask, capacity, shape, rotation);
    const double backward_rope = rotates ? time_backward(rotation) : 0;
    const double flops =
        4.0 * static_cast<double>(shape.query_heads * shape.head_dim) * visible_pairs(position, shape.window);
    std::printf(
        "{\"kind\": \"attention\", \"path\": \"%s\", \"heads\": \"%lld/%lld\", "
        "\"head_dim\": %lld, \"window\": %lld, \"softcap\": %g, \"shape\": \"%s\", \"fwd_ms\": %.4f, \"bwd_ms\": %.4f, \"bwd_given_ms\": %.4f, \"bwd_rope_ms\": %.4f, \"fwd_tflops\": %.1f, "
        "\"bwd_tflops\": %.1f, \"mask_ms\": %.3f, \"mask_busy_ms\": %.3f}\n",
        name_of(path), static_cast<long long>(shape.query_heads), static_cast<long long>(shape.kv_heads),
        static_cast<long long>(shape.head_dim), static_cast<long long>(shape.window),
        static_cast<double>(shape.softcap), bin.name, forward, backward, backward_given, backward_rope,
        flops / forward / 1e9, 2.5 * flops / backward / 1e9, prepare_times[4], busy_prepare);
    std::fflush(stdout);
}

}  // namespace

int main(int count, char** arguments) {
    std::string_view only;
    std::int64_t window = 0;
    float softcap = 0;
    for (int i = 1; i < count; ++i) {
        const std::string_view argument = arguments[i];
        if (argument == "--window" && i + 1 < count)
            window = std::atoll(arguments[++i]);
        else if (argument == "--softcap" && i + 1 < count)
            softcap = static_cast<float>(std::atof(arguments[++i]));
        else
            only = argument;
    }
    try {
        const Device device = use_device(0);
        cudaStream_t stream = nullptr;
        check(cudaStreamCreateWithFlags(&stream, cudaStreamNonBlocking), "cudaStreamCreate");
        const Bin bins[] = {{"1024+512+512", 1024, 512, 512},
                            {"350+300+300", 350, 300, 300},
                            {"100+40+45", 100, 40, 45},
                            {"8, then 100+40+45", 100, 40, 45, 8},
                            {"causal", capacity, 0, 0}};
        for (const auto& [query_heads, kv_heads, head_dim] :
             {std::array{32, 8, 128}, std::array{32, 8, 64}, std::array{12, 2, 128}}) {
            AttentionShape shape{query_heads, kv_heads, head_dim,
                                 1.0f / std::sqrt(static_cast<float>(head_dim))};
            shape.window = window;
            shape.softcap = softcap;
            const Arrays arrays(shape);
            for (const Bin& bin : bins)
                for (const AttentionPath path : paths)
                    if (only.empty() || only == name_of(path))
                        measure(device, stream, arrays, shape, bin, path);
        }
        check(cudaStreamDestroy(stream), "cudaStreamDestroy");
        return EXIT_SUCCESS;
    } catch (const Error& error) {
        std::fprintf(stderr, "%s\n%s\n", error.what(), error.advice().c_str());
        return EXIT_FAILURE;
    }
}
