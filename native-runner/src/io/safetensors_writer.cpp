#include <algorithm>
#include <cstdint>
#include <numeric>

#include "core/error.h"
#include "io/json.h"
#include "io/safetensors.h"

namespace wishbone {

namespace {

const char* name_of(FileDType dtype) {
    switch (dtype) {
        case FileDType::f64:
            return "F64";
        case FileDType::f32:
            return "F32";
        case FileDType::f16:
            return "F16";
        case FileDType::bf16:
            return "BF16";
        case FileDType::i32:
            return "I32";
        default:
            throw Error(ExitCode::internal, "This dtype is not written", "io/safetensors", "Report this.");
    }
}

std::size_t bytes_of(const OutTensor& tensor) {
    std::size_t bytes = size_of(tensor.dtype);
    for (const std::int64_t dim : tensor.shape) bytes *= static_cast<std::size_t>(dim);
    return bytes;
}

}  // namespace

std::size_t size_of(FileDType dtype) {
    switch (dtype) {
        case FileDType::f64:
        case FileDType::i64:
            return 8;
        case FileDType::f32:
        case FileDType::i32:
            return 4;
        case FileDType::f16:
        case FileDType::bf16:
            return 2;
        case FileDType::other:
            break;
    }
    throw Error(ExitCode::internal, "This dtype has no known size", "io/safetensors", "Report this.");
}

SafetensorsWriter::SafetensorsWriter(const std::filesystem::path& file, std::span<const OutTensor> tensors,
                                     const std::map<std::string, std::string>& metadata)
    : out_(file), offsets_(tensors.size()), bytes_(tensors.size()) {
    // Wide elements first: every tensor is then aligned to its element size, as in the reference
    // implementation.
    std::vector<std::size_t> order(tensors.size());
    std::iota(order.begin(), order.end(), std::size_t{0});
    std::ranges::stable_sort(order, std::greater{}, [&](std::size_t i) { return size_of(tensors[i].dtype); });

    nlohmann::json header = nlohmann::json::object();
    if (!metadata.empty()) header["__metadata__"] = metadata;
    std::size_t end = 0;
    for (const std::size_t i : order) {
        offsets_[i] = end;
        bytes_[i] = bytes_of(tensors[i]);
        end += bytes_[i];
        header[tensors[i].name] = {{"dtype", name_of(tensors[i].dtype)},
                                   {"shape", tensors[i].shape},
                                   {"data_offsets", {offsets_[i], end}}};
    }
    std::string text = header.dump();
    text.append((8 - text.size() % 8) % 8, ' ');

    const std::uint64_t header_bytes = text.size();
    const std::uint64_t before = sizeof header_bytes + header_bytes;
    out_.reserve(before + end);
    out_.write(std::as_bytes(std::span(&header_bytes, 1)));
    out_.write(std::as_bytes(std::span(text.data(), text.size())));
    for (std::uint64_t& offset : offsets_) offset += before;
}

void SafetensorsWriter::write(std::size_t tensor, std::uint64_t begin, std::span<const std::byte> data) {
    if (begin > bytes_[tensor] || data.size() > bytes_[tensor] - begin)
        throw Error(ExitCode::internal, "Data and shape of a tensor differ in size", "io/safetensors",
                    "Report this.");
    out_.write_at(offsets_[tensor] + begin, data);
}

void SafetensorsWriter::commit() { out_.commit(); }

void write_safetensors(const std::filesystem::path& file, const std::vector<OutTensor>& tensors,
                       const std::map<std::string, std::string>& metadata,
                       const std::function<std::span<const std::byte>(std::size_t)>& data) {
    SafetensorsWriter out(file, tensors, metadata);
    for (std::size_t i = 0; i < tensors.size(); ++i) {
        const std::span<const std::byte> bytes = data(i);
        if (bytes.size() != bytes_of(tensors[i]))
            throw Error(ExitCode::internal, "Data and shape of a tensor differ in size",
                        file.string() + ": " + tensors[i].name, "Report this.");
        out.write(i, 0, bytes);
    }
    out.commit();
}

void write_safetensors(const std::filesystem::path& file, const std::vector<OutTensor>& tensors,
                       const std::map<std::string, std::string>& metadata) {
    write_safetensors(file, tensors, metadata, [&](std::size_t i) { return tensors[i].data; });
}

}  // namespace wishbone
