#include "pretrained/tensor_upload.h"

#include <algorithm>
#include <cstring>
#include <vector>

#include "core/error.h"
#include "core/half.h"

namespace wishbone {

namespace {

template <typename Stored>
void to_floats(std::span<const std::byte> from, std::span<float> to, float (*value)(Stored)) {
    for (std::size_t i = 0; i < to.size(); ++i) {
        Stored stored;
        std::memcpy(&stored, from.data() + i * sizeof(Stored), sizeof(Stored));
        to[i] = value(stored);
    }
}

void to_floats(std::span<const std::byte> from, FileDType dtype, std::span<float> to) {
    switch (dtype) {
        case FileDType::f32:
            return to_floats<float>(from, to, [](float v) { return v; });
        case FileDType::f64:
            return to_floats<double>(from, to, [](double v) { return static_cast<float>(v); });
        case FileDType::f16:
            return to_floats<std::uint16_t>(from, to, half_to_float);
        case FileDType::bf16:
            return to_floats<std::uint16_t>(from, to, bfloat16_to_float);
        default:
            throw bad_input("A tensor has a dtype that is not a float the runner reads", "safetensors",
                            "Save it in F32, F16 or BF16.");
    }
}

bool same(FileDType file, DType device) {
    return (file == FileDType::f32 && device == DType::f32) ||
           (file == FileDType::bf16 && device == DType::bf16);
}

/// Elements from `begin` on, as many as `to` takes.
void read_elements(const FileTensor& from, std::int64_t begin, DType dtype, std::span<std::byte> to) {
    const std::size_t stored = from.bytes / static_cast<std::size_t>(from.size());
    const std::size_t offset = static_cast<std::size_t>(begin) * stored;
    if (same(from.dtype, dtype)) return from.read(offset, to);
    const std::size_t count = to.size() / size_of(dtype);
    // Of one thread, kept from piece to piece.
    thread_local std::vector<std::byte> bytes;
    thread_local std::vector<float> floats;
    bytes.resize(count * stored);
    floats.resize(count);
    from.read(offset, bytes);
    to_floats(bytes, from.dtype, floats);
    if (dtype == DType::f32) {
        std::memcpy(to.data(), floats.data(), to.size());
        return;
    }
    for (std::size_t i = 0; i < count; ++i) {
        const std::uint16_t bits = float_to_bfloat16(floats[i]);
        std::memcpy(to.data() + i * sizeof bits, &bits, sizeof bits);
    }
}

}  // namespace

void upload_tensors(Backend& backend, std::span<const TensorUpload> tensors) {
    constexpr auto piece = static_cast<std::int64_t>(transfer_part_bytes / sizeof(float));
    std::vector<UploadPart> parts;
    for (const auto& [to, from] : tensors) {
        if (to.size() != from->size())
            throw Error(ExitCode::internal, "The model and its file disagree", "io/tensor_upload",
                        "Report this.");
        const Tensor flat = to.flattened();
        for (std::int64_t begin = 0; begin < to.size(); begin += piece) {
            const std::int64_t end = std::min(begin + piece, to.size());
            parts.push_back(
                {flat.slice(begin, end), [from = from, begin, dtype = to.dtype](std::span<std::byte> bytes) {
                     read_elements(*from, begin, dtype, bytes);
                 }});
        }
    }
    backend.upload_parts(parts);
}

}  // namespace wishbone
