#include "run/event_log.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstdio>
#include <ctime>
#include <system_error>
#include <utility>

#include "io/atomic_file.h"
#include "io/event_lines.h"

namespace wishbone {

namespace {

/// Numbers beyond what JSON readers count exactly are none that a runner has written.
constexpr std::uint64_t most_seq = std::uint64_t{1} << 52;

}  // namespace

EventLog::EventLog(std::filesystem::path file) : file_(std::move(file)) {
    scan();
    // A pipe must not keep the run waiting for whoever reads it. Samples are texts: a new log is for its owner alone.
    fd_ = FileDescriptor(::open(file_.c_str(), O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NONBLOCK, 0600));
    if (!fd_) throw cannot_write(errno, file_);
}

void EventLog::scan() {
    // The log may hold anything after a crash; only its own events count.
    line_is_cut_ = for_each_event(file_, [&](nlohmann::ordered_json&& event) {
        if (const auto seq = event.find("seq"); seq != event.end() && seq->is_number_unsigned())
            if (const auto number = seq->get<std::uint64_t>(); number < most_seq)
                next_seq_ = std::max(next_seq_, static_cast<std::int64_t>(number) + 1);
        if (const auto type = event.find("type"); type != event.end() && *type == "start")
            has_started_ = true;
    });
}

void EventLog::write(const std::string& type, const nlohmann::ordered_json& fields) {
    const std::lock_guard lock(mutex_);
    nlohmann::ordered_json event = {{"seq", next_seq_}, {"time", timestamp()}, {"type", type}};
    event.update(fields);
    // Paths and messages may hold bytes that are not UTF-8; they must not stop the log.
    std::string line(line_is_cut_ ? 1 : 0, '\n');
    line += event.dump(-1, ' ', false, nlohmann::ordered_json::error_handler_t::replace);
    line += '\n';
    line_is_cut_ = true;
    write_all(fd_.get(), std::as_bytes(std::span(line.data(), line.size())), file_);
    line_is_cut_ = false;
    ++next_seq_;
}

void EventLog::sync() {
    if (::fdatasync(fd_.get()) != 0) throw cannot_write(errno, file_);
}

std::int64_t EventLog::next_seq() const {
    const std::lock_guard lock(mutex_);
    return next_seq_;
}

void EventLog::raise_next_seq(std::int64_t least) {
    const std::lock_guard lock(mutex_);
    next_seq_ = std::max(next_seq_, std::min(least, static_cast<std::int64_t>(most_seq)));
}

std::string timestamp() {
    using namespace std::chrono;
    const auto now = floor<milliseconds>(system_clock::now());
    const std::time_t seconds = system_clock::to_time_t(now);
    std::tm utc{};
    ::gmtime_r(&seconds, &utc);
    char date[32], text[48];
    std::strftime(date, sizeof date, "%Y-%m-%dT%H:%M:%S", &utc);
    std::snprintf(text, sizeof text, "%s.%03dZ", date,
                  static_cast<int>(now.time_since_epoch().count() % 1000));
    return text;
}

}  // namespace wishbone
