#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <string_view>

#include "core/error.h"
#include "core/file_descriptor.h"

namespace wishbone {

/// The Error(cannot_write) for a failed call on `path`, with advice for the commonest causes.
Error cannot_write(int error_number, const std::filesystem::path& path);

/// Writes all bytes or throws Error(cannot_write).
void write_all(int fd, std::span<const std::byte> data, const std::filesystem::path& path);

/// A file that appears under its name whole or not at all: written under a temporary name in the same folder,
/// synced, renamed. Destroyed before `commit`, it leaves nothing behind.
class AtomicFile {
  public:
    /// Throws Error(cannot_write).
    explicit AtomicFile(std::filesystem::path file);
    ~AtomicFile();
    AtomicFile(const AtomicFile&) = delete;
    AtomicFile& operator=(const AtomicFile&) = delete;

    void write(std::span<const std::byte> data);
    /// Asks for the space of a file of so many bytes, so that a full disk is known before anything is written.
    void reserve(std::uint64_t bytes);
    /// Writes at a place of its own, from any thread; the disk is set to work on it at once.
    void write_at(std::uint64_t offset, std::span<const std::byte> data);
    /// fsync, rename, fsync of the folder.
    void commit();

  private:
    std::filesystem::path file_, temporary_;
    FileDescriptor fd_;
};

/// Makes renames and new names in a folder durable.
void sync_folder(const std::filesystem::path& folder);

/// Makes the file `to`, in a folder that is not whole yet, with the content of `from`, which is, and without writing it again: a
/// clone that shares its blocks where the file system has such, else another name of the same file. False, and no file, where it
/// has neither.
bool share_file(const std::filesystem::path& from, const std::filesystem::path& to);

/// Writes a small text file atomically.
void write_text(const std::filesystem::path& file, std::string_view text);

/// A folder that appears under its name whole or not at all, replacing an older one of that name.
/// Write and sync the files under `path()`, then call `commit`.
class AtomicFolder {
  public:
    /// Creates the temporary folder in a folder that exists: one that was removed meanwhile is not made again.
    /// Throws Error(cannot_write).
    explicit AtomicFolder(std::filesystem::path folder);
    ~AtomicFolder();
    AtomicFolder(const AtomicFolder&) = delete;
    AtomicFolder& operator=(const AtomicFolder&) = delete;

    const std::filesystem::path& path() const { return temporary_; }
    void commit();

  private:
    std::filesystem::path folder_, temporary_;
};

/// Removes what an interrupted writer left in `folder` (names of AtomicFile and AtomicFolder). To be called
/// only while no other process writes there.
void remove_leftovers(const std::filesystem::path& folder);

}  // namespace wishbone
