#include "pretrained/tensor_download.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <vector>

#include "core/error.h"
#include "core/half.h"

namespace wishbone {

namespace {

template <typename Stored>
void store(std::span<const float> from, std::span<std::byte> to, Stored (*stored)(float)) {
    for (std::size_t i = 0; i < from.size(); ++i) {
        const Stored bits = stored(from[i]);
        std::memcpy(to.data() + i * sizeof bits, &bits, sizeof bits);
    }
}

bool same(DType device, FileDType file) {
    return (file == FileDType::f32 && device == DType::f32) ||
           (file == FileDType::bf16 && device == DType::bf16);
}

}  // namespace

void from_floats(std::span<const float> from, FileDType dtype, std::span<std::byte> to) {
    if (to.size() != from.size() * size_of(dtype))
        throw Error(ExitCode::internal, "Values and their room differ in size", "pretrained/tensor_download",
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
            throw Error(ExitCode::internal, "This dtype is not written", "pretrained/tensor_download",
                        "Report this.");
    }
}

void download_tensors(Backend& backend, std::span<const TensorDownload> tensors, SafetensorsWriter& file) {
    std::vector<DownloadPart> parts;
    for (const TensorDownload& tensor : tensors) {
        const Tensor flat = tensor.from.flattened();
        const auto piece = static_cast<std::int64_t>(transfer_part_bytes / size_of(flat.dtype));
        for (std::int64_t begin = 0; begin < flat.size(); begin += piece) {
            const std::int64_t end = std::min(begin + piece, flat.size());
            parts.push_back(
                {flat.slice(begin, end), [&file, &tensor, begin](std::span<const std::byte> bytes) {
                     const std::uint64_t place = static_cast<std::uint64_t>(begin) * size_of(tensor.dtype);
                     if (same(tensor.from.dtype, tensor.dtype)) return file.write(tensor.index, place, bytes);
                     // Of one thread, kept from piece to piece.
                     thread_local std::vector<float> floats;
                     thread_local std::vector<std::byte> stored;
                     floats.resize(bytes.size() / size_of(tensor.from.dtype));
                     if (tensor.from.dtype == DType::f32) {
                         std::memcpy(floats.data(), bytes.data(), bytes.size());
                     } else {
                         for (std::size_t i = 0; i < floats.size(); ++i) {
                             std::uint16_t bits;
                             std::memcpy(&bits, bytes.data() + i * sizeof bits, sizeof bits);
                             floats[i] = bfloat16_to_float(bits);
                         }
                     }
                     stored.resize(floats.size() * size_of(tensor.dtype));
                     from_floats(floats, tensor.dtype, stored);
                     file.write(tensor.index, place, stored);
                 }});
        }
    }
    backend.download_parts(parts);
}

}  // namespace wishbone
