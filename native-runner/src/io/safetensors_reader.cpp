#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include <algorithm>
#include <bit>
#include <cerrno>
#include <cstring>
#include <string_view>
#include <utility>

#include "core/error.h"
#include "core/file_descriptor.h"
#include "core/half.h"
#include "io/json.h"
#include "io/safetensors.h"

static_assert(std::endian::native == std::endian::little,
              "safetensors data is little-endian and used in place");

namespace wishbone {

namespace {

constexpr std::size_t length_bytes = 8;
/// The limit of the reference implementation: a header above it is an attack or a mistake.
constexpr std::uint64_t largest_header = 100'000'000;

struct DTypeName {
    std::string_view name;
    FileDType dtype;
    std::size_t bytes;
};
constexpr DTypeName dtype_names[] = {
    {"F64", FileDType::f64, 8},       {"F32", FileDType::f32, 4},       {"F16", FileDType::f16, 2},
    {"BF16", FileDType::bf16, 2},     {"I64", FileDType::i64, 8},       {"I32", FileDType::i32, 4},
    {"I16", FileDType::other, 2},     {"I8", FileDType::other, 1},      {"U64", FileDType::other, 8},
    {"U32", FileDType::other, 4},     {"U16", FileDType::other, 2},     {"U8", FileDType::other, 1},
    {"BOOL", FileDType::other, 1},    {"F8_E4M3", FileDType::other, 1}, {"F8_E5M2", FileDType::other, 1},
    {"F8_E8M0", FileDType::other, 1}, {"C64", FileDType::other, 8},
};

constexpr const char* damaged = "The file is damaged or not a safetensors file; write or download it again.";

/// A header field that must be a whole number of at least 0.
std::uint64_t unsigned_number(const nlohmann::json& value, const std::string& where) {
    if (!value.is_number_unsigned()) throw bad_input("Expected a whole number of at least 0", where, damaged);
    return value.get<std::uint64_t>();
}

struct Entry {
    FileTensor tensor;
    std::uint64_t begin, end;
};

Entry read_entry(const nlohmann::json& fields, const std::string& where, std::uint64_t data_bytes) {
    if (!fields.is_object()) throw bad_input("A tensor's header entry is not an object", where, damaged);
    for (const auto& [key, value] : fields.items())
        if (key != "dtype" && key != "shape" && key != "data_offsets")
            throw bad_input("A tensor's header entry has the unknown key \"" + key + "\"", where, damaged);

    const auto dtype = fields.find("dtype");
    if (dtype == fields.end() || !dtype->is_string())
        throw bad_input("A tensor has no dtype", where, damaged);
    const auto& dtype_name = dtype->get_ref<const std::string&>();
    const auto known = std::ranges::find(dtype_names, std::string_view(dtype_name), &DTypeName::name);
    if (known == std::end(dtype_names))
        throw bad_input("Unknown dtype \"" + dtype_name + "\"", where,
                        "Save the tensor in F32, F16 or BF16.");

    const auto shape = fields.find("shape");
    if (shape == fields.end() || !shape->is_array()) throw bad_input("A tensor has no shape", where, damaged);
    Entry entry{{known->dtype, dtype_name, {}, nullptr, 0, nullptr, {}}, 0, 0};
    std::uint64_t bytes = known->bytes;
    for (const auto& dim : *shape) {
        const std::uint64_t size = unsigned_number(dim, where);
        if (size > static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max()) ||
            __builtin_mul_overflow(bytes, size, &bytes))
            throw bad_input("A tensor's shape is absurdly large", where, damaged);
        entry.tensor.shape.push_back(static_cast<std::int64_t>(size));
    }

    const auto offsets = fields.find("data_offsets");
    if (offsets == fields.end() || !offsets->is_array() || offsets->size() != 2)
        throw bad_input("A tensor has no data_offsets [begin, end]", where, damaged);
    entry.begin = unsigned_number((*offsets)[0], where);
    entry.end = unsigned_number((*offsets)[1], where);
    if (entry.begin > entry.end || entry.end > data_bytes)
        throw bad_input("The data range [" + std::to_string(entry.begin) + ", " + std::to_string(entry.end) +
                            ") does not lie inside the file's " + std::to_string(data_bytes) + " data bytes",
                        where, damaged);
    if (entry.end - entry.begin != bytes)
        throw bad_input("The shape needs " + std::to_string(bytes) + " bytes but the data range has " +
                            std::to_string(entry.end - entry.begin),
                        where, damaged);
    entry.tensor.bytes = static_cast<std::size_t>(bytes);
    return entry;
}

/// Every data byte must belong to exactly one tensor.
void check_coverage(std::vector<std::pair<std::string, Entry>>& entries, std::uint64_t data_bytes,
                    const std::string& file) {
    std::ranges::sort(entries, {}, [](const auto& e) { return std::pair(e.second.begin, e.second.end); });
    std::uint64_t covered = 0;
    for (const auto& [name, entry] : entries) {
        if (entry.begin < covered)
            throw bad_input("The data ranges of two tensors overlap", file + ": " + name, damaged);
        if (entry.begin > covered)
            throw bad_input(
                "There is a gap of " + std::to_string(entry.begin - covered) + " bytes before a tensor",
                file + ": " + name, damaged);
        covered = entry.end;
    }
    if (covered != data_bytes)
        throw bad_input(std::to_string(data_bytes - covered) + " data bytes belong to no tensor", file,
                        damaged);
}

}  // namespace

std::int64_t FileTensor::size() const {
    std::int64_t n = 1;
    for (const std::int64_t dim : shape) n *= dim;
    return n;
}

void FileTensor::read(std::size_t begin, std::span<std::byte> to) const {
    // Linux reads at most 2 GiB - 4 KiB a call.
    constexpr std::size_t most = std::size_t{1} << 30;
    for (std::size_t done = 0; done < to.size();) {
        const ssize_t got = ::pread(file->get(), to.data() + done, std::min(most, to.size() - done),
                                    static_cast<off_t>(offset + begin + done));
        if (got < 0 && errno == EINTR) continue;
        if (got < 0)
            throw bad_input(std::string("Cannot read the file: ") + std::strerror(errno), path,
                            "Check the disk, then try again.");
        if (got == 0)
            throw bad_input("The file was cut off while it was read", path,
                            "Leave it alone while it is in use; write or download it again.");
        done += static_cast<std::size_t>(got);
    }
}

SafetensorsFile::SafetensorsFile(const std::filesystem::path& file) : path_(file) {
    const std::string name = file.string();
    const auto descriptor =
        std::make_shared<const FileDescriptor>(::open(file.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
    const FileDescriptor& fd = *descriptor;
    if (!fd)
        throw bad_input(std::string("Cannot open the file: ") + std::strerror(errno), name,
                        "Check the path and that you may read it.");
    struct stat status{};
    if (::fstat(fd.get(), &status) != 0 || !S_ISREG(status.st_mode))
        throw bad_input("Not a regular file", name, "Check the path.");
    const auto file_bytes = static_cast<std::uint64_t>(status.st_size);
    if (file_bytes < length_bytes)
        throw bad_input(
            "The file has " + std::to_string(file_bytes) + " bytes, too few for a safetensors header", name,
            damaged);

    void* mapping = ::mmap(nullptr, file_bytes, PROT_READ, MAP_PRIVATE, fd.get(), 0);
    if (mapping == MAP_FAILED)
        throw bad_input(std::string("Cannot map the file: ") + std::strerror(errno), name,
                        "Check the disk and the memory limits.");
    // From here a moved-from holder frees the mapping if a check throws.
    SafetensorsFile mapped(std::exchange(mapping, nullptr), file_bytes, file);
    mapped.read_header();
    for (auto& [key, tensor] : mapped.tensors_) {
        tensor.file = descriptor;
        tensor.path = name;
        tensor.offset =
            static_cast<std::uint64_t>(tensor.data - static_cast<const std::byte*>(mapped.mapping_));
    }
    *this = std::move(mapped);
}

SafetensorsFile::SafetensorsFile(void* mapping, std::size_t bytes, std::filesystem::path file)
    : path_(std::move(file)), mapping_(mapping), mapped_bytes_(bytes) {}

void SafetensorsFile::read_header() {
    const std::string name = path_.string();
    const auto* bytes = static_cast<const std::byte*>(mapping_);
    std::uint64_t header_bytes = 0;
    std::memcpy(&header_bytes, bytes, length_bytes);
    if (header_bytes > largest_header)
        throw bad_input(
            "The header claims " + std::to_string(header_bytes) + " bytes, more than the format allows", name,
            damaged);
    if (header_bytes > mapped_bytes_ - length_bytes)
        throw bad_input(
            "The header claims " + std::to_string(header_bytes) + " bytes, past the end of the file", name,
            damaged);
    const std::string_view header(reinterpret_cast<const char*>(bytes + length_bytes), header_bytes);
    if (!header.starts_with('{')) throw bad_input("The header is not a JSON object", name, damaged);
    const nlohmann::json root = parse_json_table(header, name + ": header");

    const std::uint64_t data_bytes = mapped_bytes_ - length_bytes - header_bytes;
    const std::byte* data = bytes + length_bytes + header_bytes;
    std::vector<std::pair<std::string, Entry>> entries;
    for (const auto& [key, value] : root.items()) {
        if (key == "__metadata__") {
            if (!value.is_object()) throw bad_input("__metadata__ is not an object", name, damaged);
            for (const auto& [field, text] : value.items()) {
                if (!text.is_string())
                    throw bad_input("Metadata must be strings", name + ": __metadata__." + field, damaged);
                metadata_[field] = text.get<std::string>();
            }
            continue;
        }
        entries.emplace_back(key, read_entry(value, name + ": " + key, data_bytes));
    }
    check_coverage(entries, data_bytes, name);
    for (auto& [key, entry] : entries) {
        entry.tensor.data = data + entry.begin;
        tensors_.emplace(std::move(key), std::move(entry.tensor));
    }
}

SafetensorsFile::~SafetensorsFile() {
    if (mapping_) ::munmap(mapping_, mapped_bytes_);
}

SafetensorsFile::SafetensorsFile(SafetensorsFile&& other) noexcept
    : path_(std::move(other.path_)),
      mapping_(std::exchange(other.mapping_, nullptr)),
      mapped_bytes_(std::exchange(other.mapped_bytes_, 0)),
      tensors_(std::move(other.tensors_)),
      metadata_(std::move(other.metadata_)) {}

SafetensorsFile& SafetensorsFile::operator=(SafetensorsFile&& other) noexcept {
    std::swap(path_, other.path_);
    std::swap(mapping_, other.mapping_);
    std::swap(mapped_bytes_, other.mapped_bytes_);
    std::swap(tensors_, other.tensors_);
    std::swap(metadata_, other.metadata_);
    return *this;
}

const FileTensor& SafetensorsFile::at(const std::string& name) const {
    const auto found = tensors_.find(name);
    if (found == tensors_.end())
        throw bad_input("The tensor \"" + name + "\" is missing", path_.string(),
                        "Write or download the file again.");
    return found->second;
}

void to_float(const FileTensor& from, std::span<float> to) {
    const auto convert = [&]<typename Stored>(auto&& value) {
        for (std::size_t i = 0; i < to.size(); ++i) {
            Stored stored;
            // The format does not promise alignment.
            std::memcpy(&stored, from.data + i * sizeof(Stored), sizeof(Stored));
            to[i] = value(stored);
        }
    };
    if (to.size() != static_cast<std::size_t>(from.size()))
        throw Error(ExitCode::internal, "to_float: sizes differ", "io/safetensors", "Report this.");
    switch (from.dtype) {
        case FileDType::f32:
            if (!to.empty()) std::memcpy(to.data(), from.data, from.bytes);
            return;
        case FileDType::f64:
            return convert.template operator()<double>([](double v) { return static_cast<float>(v); });
        case FileDType::f16:
            return convert.template operator()<std::uint16_t>(half_to_float);
        case FileDType::bf16:
            return convert.template operator()<std::uint16_t>(bfloat16_to_float);
        default:
            throw bad_input(
                "A tensor has dtype " + from.dtype_name + ", which is not a float the runner reads",
                "safetensors", "Save it in F32, F16 or BF16.");
    }
}

}  // namespace wishbone
