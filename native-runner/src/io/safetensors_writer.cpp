#include <algorithm>
#include <cstdint>
#include <numeric>

#include "core/error.h"
#include "io/atomic_file.h"
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

void write_safetensors(const std::filesystem::path& file, const std::vector<OutTensor>& tensors,
                       const std::map<std::string, std::string>& metadata,
                       const std::function<std::span<const std::byte>(std::size_t)>& data) {
    // Wide elements first: every tensor is then aligned to its element size, as in the reference
    // implementation.
    std::vector<std::size_t> order(tensors.size());
    std::iota(order.begin(), order.end(), std::size_t{0});
    std::ranges::stable_sort(order, std::greater{}, [&](std::size_t i) { return size_of(tensors[i].dtype); });

    nlohmann::json header = nlohmann::json::object();
    if (!metadata.empty()) header["__metadata__"] = metadata;
    std::size_t offset = 0;
    for (const std::size_t i : order) {
        const std::size_t end = offset + bytes_of(tensors[i]);
        header[tensors[i].name] = {{"dtype", name_of(tensors[i].dtype)},
                                   {"shape", tensors[i].shape},
                                   {"data_offsets", {offset, end}}};
        offset = end;
    }
    std::string text = header.dump();
    text.append((8 - text.size() % 8) % 8, ' ');

    AtomicFile out(file);
    const std::uint64_t header_bytes = text.size();
    out.write(std::as_bytes(std::span(&header_bytes, 1)));
    out.write(std::as_bytes(std::span(text.data(), text.size())));
    for (const std::size_t i : order) {
        const std::span<const std::byte> bytes = data(i);
        if (bytes.size() != bytes_of(tensors[i]))
            throw Error(ExitCode::internal, "Data and shape of a tensor differ in size",
                        file.string() + ": " + tensors[i].name, "Report this.");
        out.write(bytes);
    }
    out.commit();
}

void write_safetensors(const std::filesystem::path& file, const std::vector<OutTensor>& tensors,
                       const std::map<std::string, std::string>& metadata) {
    write_safetensors(file, tensors, metadata, [&](std::size_t i) { return tensors[i].data; });
}

}  // namespace wishbone
