#include "pretrained/tensor_upload.h"

#include <vector>

#include "backend/transfer_parts.h"
#include "core/error.h"
#include "pretrained/float_conversion.h"

namespace wishbone {

namespace {

/// Elements from `begin` on, as many as `to` takes.
void read_elements(const FileTensor& from, std::int64_t begin, DType dtype, std::span<std::byte> to) {
    const std::size_t stored = from.bytes / static_cast<std::size_t>(from.size());
    const std::size_t offset = static_cast<std::size_t>(begin) * stored;
    if (from.dtype == as_in_files(dtype)) return from.read(offset, to);
    const std::size_t count = to.size() / size_of(dtype);
    // Of one thread, kept from piece to piece.
    thread_local std::vector<std::byte> bytes;
    thread_local std::vector<float> floats;
    bytes.resize(count * stored);
    floats.resize(count);
    from.read(offset, bytes);
    to_floats(bytes, from.dtype, floats);
    from_floats(floats, as_in_files(dtype), to);
}

}  // namespace

void upload_tensors(Backend& backend, std::span<const TensorUpload> tensors) {
    // Of bf16 too: a piece is converted by way of floats.
    constexpr auto piece = static_cast<std::int64_t>(transfer_part_bytes / sizeof(float));
    std::vector<UploadPart> parts;
    for (const auto& [to, from, first] : tensors) {
        if (first + to.size() > from->size())
            throw Error(ExitCode::internal, "The model and its file disagree", "pretrained/tensor_upload",
                        "Report this.");
        for_each_part(to, piece, [&](std::int64_t begin, Tensor part) {
            parts.push_back(
                {part, [from = from, begin = first + begin, dtype = to.dtype](std::span<std::byte> bytes) {
                     read_elements(*from, begin, dtype, bytes);
                 }});
        });
    }
    backend.upload_parts(parts);
}

}  // namespace wishbone
