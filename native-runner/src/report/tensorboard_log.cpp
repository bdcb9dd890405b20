#include "report/tensorboard_log.h"

#include <fcntl.h>
#include <unistd.h>

#include <array>
#include <bit>
#include <cerrno>
#include <chrono>
#include <cstdio>
#include <span>

#include "core/crc32c.h"
#include "io/atomic_file.h"

namespace wishbone {

namespace {

template <typename Number>
std::string little_endian(Number number) {
    static_assert(std::endian::native == std::endian::little);
    const auto bytes = std::bit_cast<std::array<char, sizeof(Number)>>(number);
    return {bytes.begin(), bytes.end()};
}

/// Field tags and lengths of protocol buffers.
std::string varint(std::uint64_t number) {
    std::string bytes;
    for (; number >= 0x80; number >>= 7) bytes += static_cast<char>((number & 0x7f) | 0x80);
    return bytes + static_cast<char>(number);
}
std::string field(int number, double value) { return varint(number << 3 | 1) + little_endian(value); }
std::string field(int number, float value) { return varint(number << 3 | 5) + little_endian(value); }
std::string field(int number, std::int64_t value) {
    return varint(number << 3) + varint(static_cast<std::uint64_t>(value));
}
std::string field(int number, const std::string& value) {
    return varint(number << 3 | 2) + varint(value.size()) + value;
}

/// `Event`: wall_time = 1, step = 2, and one of file_version = 3, summary = 5, session_log = 7.
std::string event(std::int64_t step, const std::string& what) {
    const auto now = std::chrono::duration<double>(std::chrono::system_clock::now().time_since_epoch());
    return field(1, now.count()) + field(2, step) + what;
}

/// So that the CRC of data that holds CRCs is not weak.
std::uint32_t masked(std::uint32_t crc) { return std::rotr(crc, 15) + 0xa282ead8u; }

/// Adds `Summary.Value`s: tag = 1, simple_value = 2.
void add_values(std::string& summary, const std::string& group, const std::string& name,
                const nlohmann::ordered_json& value) {
    if (value.is_object()) {
        for (const auto& [key, inner] : value.items()) add_values(summary, group, name + "/" + key, inner);
        return;
    }
    if (!value.is_number() || name == "step" || name == "steps") return;
    summary += field(1, field(1, group + "/" + name) + field(2, static_cast<float>(value.get<double>())));
}

}  // namespace

void TensorBoardLog::open() {
    char host[256] = "localhost";
    (void)::gethostname(host, sizeof host - 1);
    const auto seconds =
        std::chrono::duration_cast<std::chrono::seconds>(std::chrono::system_clock::now().time_since_epoch());
    // TensorBoard looks for `tfevents` and reads the files of a folder in the order of their names.
    file_ = folder_ / ("events.out.tfevents." + std::to_string(seconds.count()) + "." + host + "." +
                       std::to_string(::getpid()) + ".0");
    fd_ = FileDescriptor(::open(file_.c_str(), O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0666));
    if (!fd_) throw cannot_write(errno, file_);
    record(event(0, field(3, std::string("brain.Event:2"))));
    // SessionLog: status = 1, START = 1.
    if (resumed_after_) record(event(*resumed_after_ + 1, field(7, field(1, std::int64_t{1}))));
}

void TensorBoardLog::record(const std::string& message) {
    const std::string length = little_endian(static_cast<std::uint64_t>(message.size()));
    const std::string bytes =
        length + little_endian(masked(crc32c(length))) + message + little_endian(masked(crc32c(message)));
    // In one call, so that a reader sees whole records.
    write_all(fd_.get(), std::as_bytes(std::span(bytes.data(), bytes.size())), file_);
}

void TensorBoardLog::add(const nlohmann::ordered_json& fields) {
    std::string train, eval;
    for (const auto& [name, value] : fields.items()) {
        const bool of_eval = name.starts_with("eval_");
        add_values(of_eval ? eval : train, of_eval ? "eval" : "train", of_eval ? name.substr(5) : name,
                   value);
    }
    if (!fd_) open();
    // What describes an evaluation has no prefix: its time, its size.
    record(event(fields.at("step").get<std::int64_t>(), field(5, eval.empty() ? train : eval)));
}

}  // namespace wishbone
