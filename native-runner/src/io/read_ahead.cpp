#include "io/read_ahead.h"

#include <fcntl.h>
#include <sys/stat.h>

#include <algorithm>
#include <cstdint>
#include <stop_token>
#include <utility>

#include "core/file_descriptor.h"

namespace wishbone {

namespace {

/// Linux takes no more of a call's range than it reads ahead of a reader: 128 KiB unless told otherwise.
constexpr std::uint64_t piece = std::uint64_t{128} << 10;

void read_ahead(const std::stop_token& stop, const std::vector<std::filesystem::path>& files,
                std::uint64_t left) {
    for (const std::filesystem::path& name : files) {
        const FileDescriptor file(::open(name.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
        struct stat status{};
        if (!file || ::fstat(file.get(), &status) != 0 || !S_ISREG(status.st_mode)) continue;
        const auto end = std::min(static_cast<std::uint64_t>(status.st_size), left);
        for (std::uint64_t begin = 0; begin < end; begin += piece) {
            if (stop.stop_requested()) return;
            const auto bytes = static_cast<off_t>(std::min(piece, end - begin));
            if (::posix_fadvise(file.get(), static_cast<off_t>(begin), bytes, POSIX_FADV_WILLNEED) != 0)
                return;
        }
        left -= end;
    }
}

}  // namespace

ReadAhead::ReadAhead(std::vector<std::filesystem::path> files, std::size_t most_bytes)
    : thread_([files = std::move(files), most_bytes](const std::stop_token& stop) {
          read_ahead(stop, files, most_bytes);
      }) {}

}  // namespace wishbone
