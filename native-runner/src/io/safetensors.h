#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "core/file_descriptor.h"
#include "io/atomic_file.h"

namespace wishbone {

/// Element types of the safetensors format that the runner reads. It writes F32, F16, BF16, I32 and F64.
enum class FileDType { f64, f32, f16, bf16, i64, i32, other };

/// Bytes of one element of a type the runner writes.
std::size_t size_of(FileDType dtype);

/// A tensor's place in a safetensors file.
struct FileTensor {
    FileDType dtype;
    std::string dtype_name;
    std::vector<std::int64_t> shape;
    const std::byte* data;  ///< inside the mapping
    std::size_t bytes;
    std::shared_ptr<const FileDescriptor> file;
    std::string path;          ///< of the file, for errors
    std::uint64_t offset = 0;  ///< of the data in the file
    std::int64_t size() const;
    /// Bytes from `begin` on, as many as `to` takes, by a call of the system instead of through the mapping: faster for
    /// large parts, and a file that was cut off since it was opened is an Error(bad_input). From any thread.
    void read(std::size_t begin, std::span<std::byte> to) const;
};

/// A memory-mapped safetensors file. The header is checked against the file's size before anything is read:
/// header length, JSON, dtype and shape against byte range, no overlap, no gap, no overflow.
class SafetensorsFile {
  public:
    /// Throws Error(bad_input) naming the file and the tensor.
    explicit SafetensorsFile(const std::filesystem::path& file);
    ~SafetensorsFile();
    SafetensorsFile(SafetensorsFile&&) noexcept;
    SafetensorsFile& operator=(SafetensorsFile&&) noexcept;

    const std::map<std::string, FileTensor>& tensors() const { return tensors_; }
    const std::map<std::string, std::string>& metadata() const { return metadata_; }
    const std::filesystem::path& path() const { return path_; }
    /// Throws when the tensor is missing.
    const FileTensor& at(const std::string& name) const;

  private:
    SafetensorsFile(void* mapping, std::size_t bytes, std::filesystem::path file);
    void read_header();

    std::filesystem::path path_;
    void* mapping_ = nullptr;
    std::size_t mapped_bytes_ = 0;
    std::map<std::string, FileTensor> tensors_;
    std::map<std::string, std::string> metadata_;
};

/// Converts f32, f16, bf16 or f64 to float.
void to_float(const FileTensor& from, std::span<float> to);

/// A tensor to be written, from host memory.
struct OutTensor {
    std::string name;
    FileDType dtype;
    std::vector<std::int64_t> shape;
    std::span<const std::byte> data;
};

/// A file of tensors whose data come in pieces, in any order and from several threads. It appears under its name with
/// `commit`, whole; before that, and when it is destroyed without, there is no trace of it.
class SafetensorsWriter {
  public:
    /// Asks for the space of all of it. The data of `tensors` may be empty. Throws Error(cannot_write).
    SafetensorsWriter(const std::filesystem::path& file, std::span<const OutTensor> tensors,
                      const std::map<std::string, std::string>& metadata);

    /// Bytes of a tensor, by its index, from `begin` on. Throws Error(cannot_write).
    void write(std::size_t tensor, std::uint64_t begin, std::span<const std::byte> data);
    void commit();

  private:
    AtomicFile out_;
    std::vector<std::uint64_t> offsets_, bytes_;  ///< of each tensor's data, in the file
};

/// Writes atomically: temporary name in the same folder, fsync, rename. Throws Error(cannot_write) and
/// removes the temporary file when the disk is full.
void write_safetensors(const std::filesystem::path& file, const std::vector<OutTensor>& tensors,
                       const std::map<std::string, std::string>& metadata);

/// The same with the data of `tensors` left empty and asked for one tensor at a time by index, so that only
/// one need be in host memory. The returned span must hold until the next call.
void write_safetensors(const std::filesystem::path& file, const std::vector<OutTensor>& tensors,
                       const std::map<std::string, std::string>& metadata,
                       const std::function<std::span<const std::byte>(std::size_t index)>& data);

}  // namespace wishbone
