#include "io/atomic_file.h"

#include <fcntl.h>
#include <linux/fs.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <system_error>
#include <utility>
#include <vector>

namespace wishbone {

namespace {

constexpr std::string_view temporary_mark = ".wishbone-tmp-";

std::filesystem::path temporary_name(const std::filesystem::path& path) {
    return path.parent_path() /
           (std::string(temporary_mark) + path.filename().string() + "-" + std::to_string(::getpid()));
}

}  // namespace

Error cannot_write(int error_number, const std::filesystem::path& path) {
    std::string advice = "Check the folder and the disk, then try again.";
    switch (error_number) {
        case ENOSPC:
        case EDQUOT:
            advice = "Free some space on that disk, then resume the run.";
            break;
        case EFBIG:
            advice =
                "The file size limit (ulimit -f) or the file system does not allow a file this large; raise "
                "it or "
                "choose another folder.";
            break;
        case EACCES:
        case EPERM:
        case EROFS:
            advice = "Choose a folder you may write to.";
            break;
        default:
            break;
    }
    return Error(ExitCode::cannot_write, "Cannot write: " + std::system_category().message(error_number),
                 path.string(), advice);
}

void write_all(int fd, std::span<const std::byte> data, const std::filesystem::path& path) {
    // Linux writes at most 2 GiB - 4 KiB a call.
    constexpr std::size_t most = std::size_t{1} << 30;
    while (!data.empty()) {
        const ssize_t written = ::write(fd, data.data(), std::min(data.size(), most));
        if (written < 0) {
            if (errno == EINTR) continue;
            throw cannot_write(errno, path);
        }
        data = data.subspan(static_cast<std::size_t>(written));
    }
}

AtomicFile::AtomicFile(std::filesystem::path file)
    : file_(std::move(file)), temporary_(temporary_name(file_)) {
    fd_ = FileDescriptor(::open(temporary_.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666));
    if (!fd_) throw cannot_write(errno, file_);
}

AtomicFile::~AtomicFile() {
    if (!temporary_.empty()) ::unlink(temporary_.c_str());
}

void AtomicFile::write(std::span<const std::byte> data) { write_all(fd_.get(), data, file_); }

void AtomicFile::reserve(std::uint64_t bytes) {
    if (bytes == 0) return;
    int status = 0;
    do status = ::fallocate(fd_.get(), 0, 0, static_cast<off_t>(bytes));
    while (status != 0 && errno == EINTR);
    // Not every file system can; there the space is found while writing, or not.
    if (status != 0 && errno != EOPNOTSUPP && errno != ENOSYS) throw cannot_write(errno, file_);
}

void AtomicFile::write_at(std::uint64_t offset, std::span<const std::byte> data) {
    const auto begin = static_cast<off_t>(offset);
    const auto bytes = static_cast<off_t>(data.size());
    while (!data.empty()) {
        const ssize_t written = ::pwrite(fd_.get(), data.data(), data.size(), static_cast<off_t>(offset));
        if (written < 0) {
            if (errno == EINTR) continue;
            throw cannot_write(errno, file_);
        }
        data = data.subspan(static_cast<std::size_t>(written));
        offset += static_cast<std::uint64_t>(written);
    }
    // Left to itself the disk would rest until the sync at the end. What cannot be begun now is done then.
    (void)::sync_file_range(fd_.get(), begin, bytes, SYNC_FILE_RANGE_WRITE);
}

void AtomicFile::commit() {
    if (::fsync(fd_.get()) != 0) throw cannot_write(errno, file_);
    fd_.reset();
    if (::rename(temporary_.c_str(), file_.c_str()) != 0) throw cannot_write(errno, file_);
    temporary_.clear();
    sync_folder(file_.parent_path());
}

void sync_folder(const std::filesystem::path& folder) {
    const std::filesystem::path name = folder.empty() ? "." : folder;
    const FileDescriptor fd(::open(name.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    if (!fd) throw cannot_write(errno, name);
    // Some network file systems cannot sync a folder and say EINVAL; the rename itself has happened.
    if (::fsync(fd.get()) != 0 && errno != EINVAL) throw cannot_write(errno, name);
}

bool share_file(const std::filesystem::path& from, const std::filesystem::path& to) {
    const FileDescriptor in(::open(from.c_str(), O_RDONLY | O_CLOEXEC));
    if (!in) return false;
    {
        const FileDescriptor out(::open(to.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666));
        if (!out) return false;
        if (::ioctl(out.get(), FICLONE, in.get()) == 0 && ::fsync(out.get()) == 0) return true;
    }
    return ::unlink(to.c_str()) == 0 && ::link(from.c_str(), to.c_str()) == 0;
}

void write_text(const std::filesystem::path& file, std::string_view text) {
    AtomicFile out(file);
    out.write(std::as_bytes(std::span(text.data(), text.size())));
    out.commit();
}

AtomicFolder::AtomicFolder(std::filesystem::path folder)
    : folder_(std::move(folder)), temporary_(temporary_name(folder_)) {
    std::error_code error;
    std::filesystem::remove_all(temporary_, error);
    if (!error) std::filesystem::create_directory(temporary_, error);
    if (error) throw cannot_write(error.value(), folder_);
}

AtomicFolder::~AtomicFolder() {
    if (temporary_.empty()) return;
    std::error_code ignored;
    std::filesystem::remove_all(temporary_, ignored);
}

void AtomicFolder::commit() {
    sync_folder(temporary_);
    std::error_code error;
    if (std::filesystem::exists(folder_, error)) {
        // A folder cannot be renamed onto a full one. The old one takes a leftover's name first, so that a
        // crash in between leaves nothing half-removed under the real name; resuming then makes the folder
        // again.
        const std::filesystem::path old = temporary_.string() + "-old";
        std::filesystem::remove_all(old, error);
        if (::rename(folder_.c_str(), old.c_str()) != 0) throw cannot_write(errno, folder_);
        if (::rename(temporary_.c_str(), folder_.c_str()) != 0) throw cannot_write(errno, folder_);
        std::filesystem::remove_all(old, error);
    } else if (::rename(temporary_.c_str(), folder_.c_str()) != 0) {
        throw cannot_write(errno, folder_);
    }
    temporary_.clear();
    sync_folder(folder_.parent_path());
}

void remove_leftovers(const std::filesystem::path& folder) {
    std::error_code error;
    std::filesystem::directory_iterator entry(folder, error), end;
    std::vector<std::filesystem::path> found;
    for (; !error && entry != end; entry.increment(error))
        if (entry->path().filename().string().starts_with(temporary_mark)) found.push_back(entry->path());
    for (const auto& path : found) std::filesystem::remove_all(path, error);
}

}  // namespace wishbone
