#include "pretrained/tensor_download.h"

#include <vector>

#include "backend/transfer_parts.h"

namespace wishbone {

namespace {

/// Writes elements of a tensor, which begin at element `begin` of it.
void write_elements(SafetensorsWriter& file, const TensorDownload& tensor, std::int64_t begin,
                    std::span<const std::byte> bytes) {
    const FileDType stored_as = as_in_files(tensor.from.dtype);
    const std::uint64_t place = static_cast<std::uint64_t>(begin) * size_of(tensor.dtype);
    if (stored_as == tensor.dtype) return file.write(tensor.index, place, bytes);
    // Of one thread, kept from piece to piece.
    thread_local std::vector<float> floats;
    thread_local std::vector<std::byte> stored;
    floats.resize(bytes.size() / size_of(stored_as));
    to_floats(bytes, stored_as, floats);
    stored.resize(floats.size() * size_of(tensor.dtype));
    from_floats(floats, tensor.dtype, stored);
    file.write(tensor.index, place, stored);
}

}  // namespace

void download_tensors(Backend& backend, std::span<const TensorDownload> tensors, SafetensorsWriter& file) {
    std::vector<DownloadPart> parts;
    for (const TensorDownload& tensor : tensors)
        for_each_part(tensor.from, elements_of_part(tensor.from), [&](std::int64_t begin, Tensor part) {
            parts.push_back({part, [&file, &tensor, begin](std::span<const std::byte> bytes) {
                                 write_elements(file, tensor, tensor.begin + begin, bytes);
                             }});
        });
    backend.download_parts(parts);
}

}  // namespace wishbone
