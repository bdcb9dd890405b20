#include "io/event_lines.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "core/file_descriptor.h"

namespace wishbone {

namespace {

using Json = nlohmann::ordered_json;

/// No event is longer: samples of 64 prompts of 100,000 tokens have 45 MB.
constexpr std::size_t longest_line = std::size_t{64} << 20;
/// Values are copied and printed by functions that call themselves.
constexpr int deepest = 64;

bool is_shallow(std::string_view line) {
    int depth = 0;
    bool in_string = false;
    for (std::size_t i = 0; i < line.size(); ++i) {
        const char c = line[i];
        if (in_string) {
            if (c == '\\')
                ++i;
            else if (c == '"')
                in_string = false;
        } else if (c == '"') {
            in_string = true;
        } else if (c == '[' || c == '{') {
            if (++depth > deepest) return false;
        } else if (c == ']' || c == '}') {
            --depth;
        }
    }
    return true;
}

void take_line(std::string_view line, const std::function<void(Json&&)>& take) {
    if (!is_shallow(line)) return;
    Json event = Json::parse(line.begin(), line.end(), nullptr, false);
    if (event.is_object()) take(std::move(event));
}

}  // namespace

bool for_each_event(const std::filesystem::path& file, const std::function<void(Json&&)>& take) {
    const FileDescriptor fd(::open(file.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
    struct stat status{};
    if (!fd || ::fstat(fd.get(), &status) != 0 || !S_ISREG(status.st_mode)) return false;
    std::vector<char> chunk(std::size_t{1} << 18);
    std::string line;
    bool too_long = false;
    const auto add = [&](const char* begin, const char* end) {
        too_long = too_long || line.size() + static_cast<std::size_t>(end - begin) > longest_line;
        if (too_long)
            std::string().swap(line);
        else
            line.append(begin, end);
    };
    bool cut = false;
    for (;;) {
        const ssize_t got = ::read(fd.get(), chunk.data(), chunk.size());
        if (got < 0 && errno == EINTR) continue;
        if (got <= 0) break;
        const char *at = chunk.data(), *const end = at + got;
        while (at != end) {
            const char* newline = std::find(at, end, '\n');
            add(at, newline);
            cut = newline == end;
            if (cut) break;
            if (!too_long) take_line(line, take);
            line.clear();
            too_long = false;
            at = newline + 1;
        }
    }
    // A line may be whole and lack its end alone.
    if (cut && !too_long) take_line(line, take);
    return cut;
}

std::optional<Json> last_event(const std::filesystem::path& file) {
    constexpr off_t most = off_t{1} << 20;
    const FileDescriptor fd(::open(file.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
    struct stat status{};
    if (!fd || ::fstat(fd.get(), &status) != 0 || !S_ISREG(status.st_mode)) return std::nullopt;
    std::string end(static_cast<std::size_t>(std::min(most, status.st_size)), '\0');
    if (::pread(fd.get(), end.data(), end.size(), status.st_size - static_cast<off_t>(end.size())) !=
        static_cast<ssize_t>(end.size()))
        return std::nullopt;
    if (!end.ends_with('\n')) return std::nullopt;
    end.pop_back();
    const std::size_t before = end.rfind('\n');
    if (before == std::string::npos && status.st_size > most) return std::nullopt;
    std::optional<Json> event;
    take_line(std::string_view(end).substr(before == std::string::npos ? 0 : before + 1),
              [&](Json&& last) { event = std::move(last); });
    return event;
}

}  // namespace wishbone
