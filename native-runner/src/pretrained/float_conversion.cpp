#include "pretrained/float_conversion.h"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstring>

#include "core/error.h"
#include "core/half.h"

namespace wishbone {

namespace {

template <typename Stored>
void load(std::span<const std::byte> from, std::span<float> to, float (*value)(Stored)) {
    for (std::size_t i = 0; i < to.size(); ++i) {
        Stored stored;
        std::memcpy(&stored, from.data() + i * sizeof stored, sizeof stored);
        to[i] = value(stored);
    }
}

template <typename Stored>
void store(std::span<const float> from, std::span<std::byte> to, Stored (*stored)(float)) {
    for (std::size_t i = 0; i < from.size(); ++i) {
        const Stored bits = stored(from[i]);
        std::memcpy(to.data() + i * sizeof bits, &bits, sizeof bits);
    }
}

}  // namespace

void to_floats(std::span<const std::byte> from, FileDType dtype, std::span<float> to) {
    switch (dtype) {
        case FileDType::f32:
            if (!to.empty()) std::memcpy(to.data(), from.data(), to.size_bytes());
            return;
        case FileDType::f64:
            return load<double>(from, to, [](double v) { return static_cast<float>(v); });
        case FileDType::f16:
            return load<std::uint16_t>(from, to, half_to_float);
        case FileDType::bf16:
            return load<std::uint16_t>(from, to, bfloat16_to_float);
        default:
            throw bad_input("A tensor has a dtype that is not a float the runner reads", "safetensors",
                            "Save it in F32, F16 or BF16.");
    }
}

void from_floats(std::span<const float> from, FileDType dtype, std::span<std::byte> to) {
    if (to.size() != from.size() * size_of(dtype))
        throw Error(ExitCode::internal, "Values and their room differ in size", "pretrained/float_conversion",
                    "Report this.");
    switch (dtype) {
        case FileDType::f32:
            if (!from.empty()) std::memcpy(to.data(), from.data(), to.size());
            return;
        case FileDType::bf16:
            return store<std::uint16_t>(from, to, float_to_bfloat16);
        case FileDType::f16:
            // The greatest of binary16, and half of its last place.
            if (std::ranges::any_of(from,
                                    [](float v) { return std::isfinite(v) && std::abs(v) >= 65520.0f; }))
                throw ValueTooLarge();
            return store<std::uint16_t>(from, to, float_to_half);
        default:
            throw Error(ExitCode::internal, "This dtype is not written", "pretrained/float_conversion",
                        "Report this.");
    }
}

FileDType as_in_files(DType dtype) {
    if (dtype == DType::f32) return FileDType::f32;
    if (dtype == DType::bf16) return FileDType::bf16;
    throw Error(ExitCode::internal, "Tensors of this dtype are no floats", "pretrained/float_conversion",
                "Report this.");
}

}  // namespace wishbone
