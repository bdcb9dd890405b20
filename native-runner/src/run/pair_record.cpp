#include "run/pair_record.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <bit>
#include <cerrno>
#include <cstring>
#include <string_view>
#include <utility>
#include <vector>

#include "core/crc32c.h"
#include "core/error.h"
#include "io/atomic_file.h"

namespace wishbone {

namespace {

static_assert(std::endian::native == std::endian::little);
static_assert(sizeof(PairValues) == 20);

constexpr std::string_view magic{"WBPAIRS\x01", 8};
constexpr std::size_t sha256_bytes = 32;
constexpr std::size_t header_bytes = magic.size() + 2 * sha256_bytes + sizeof(std::uint32_t);

/// What all evaluations of a run may take.
constexpr std::int64_t most_evaluation_bytes = std::int64_t{256} << 20;

struct BlockHead {
    std::uint32_t kind, done, first, count;
};

/// Bytes of a block with its checksum.
std::size_t block_bytes(std::size_t pairs) {
    return sizeof(BlockHead) + pairs * sizeof(PairValues) + sizeof(std::uint32_t);
}

void append(std::string& bytes, const void* from, std::size_t size) {
    bytes.append(static_cast<const char*>(from), size);
}

void append_checksum(std::string& bytes) {
    const std::uint32_t checksum = crc32c(bytes);
    append(bytes, &checksum, sizeof checksum);
}

bool checksum_holds(std::string_view bytes) {
    std::uint32_t checksum = 0;
    const std::string_view content = bytes.substr(0, bytes.size() - sizeof checksum);
    std::memcpy(&checksum, bytes.data() + content.size(), sizeof checksum);
    return checksum == crc32c(content);
}

/// A hash of 64 hexadecimal digits as its bytes; zeros for none.
std::string sha256_as_bytes(const std::string& digits) {
    std::string bytes(sha256_bytes, '\0');
    for (std::size_t i = 0; 2 * i + 1 < digits.size() && i < bytes.size(); ++i)
        bytes[i] = static_cast<char>(std::stoi(digits.substr(2 * i, 2), nullptr, 16));
    return bytes;
}

std::string file_header(const PairRecord::Plans& plans) {
    std::string bytes{magic};
    bytes += sha256_as_bytes(plans.train_sha256) + sha256_as_bytes(plans.eval_sha256);
    append_checksum(bytes);
    return bytes;
}

/// False when the file ends before.
bool read_at(int fd, std::int64_t offset, char* to, std::size_t size) {
    while (size > 0) {
        const ssize_t got = ::pread(fd, to, size, offset);
        if (got < 0 && errno == EINTR) continue;
        if (got <= 0) return false;
        to += got;
        offset += got;
        size -= static_cast<std::size_t>(got);
    }
    return true;
}

}  // namespace

PairRecord::PairRecord(std::filesystem::path file, const Plans& plans, std::optional<Place> resumed)
    : file_(std::move(file)) {
    // A pipe must not keep the run waiting.
    fd_ = FileDescriptor(::open(file_.c_str(), O_RDWR | O_APPEND | O_CREAT | O_CLOEXEC | O_NONBLOCK, 0666));
    if (!fd_) throw cannot_write(errno, file_);
    struct stat status{};
    if (::fstat(fd_.get(), &status) != 0) throw cannot_write(errno, file_);
    if (!S_ISREG(status.st_mode))
        throw bad_input("The record of the pairs is not a regular file", file_.string(),
                        "Remove what is in its place and start the run again.");
    const std::int64_t end = resumed ? end_of_whole_blocks(plans, *resumed) : 0;
    if (::ftruncate(fd_.get(), end) != 0) throw cannot_write(errno, file_);
    if (end > 0) return;
    const std::string header = file_header(plans);
    write_all(fd_.get(), std::as_bytes(std::span(header.data(), header.size())), file_);
}

std::int64_t PairRecord::end_of_whole_blocks(const Plans& plans, const Place& resumed) const {
    const std::string expected = file_header(plans);
    std::string bytes(header_bytes, '\0');
    if (!read_at(fd_.get(), 0, bytes.data(), bytes.size()) || bytes != expected) return 0;
    auto end = static_cast<std::int64_t>(header_bytes);
    for (BlockHead head{}; read_at(fd_.get(), end, reinterpret_cast<char*>(&head), sizeof head);) {
        const bool is_evaluation = head.kind == static_cast<std::uint32_t>(Kind::evaluation);
        const bool is_step = head.kind == static_cast<std::uint32_t>(Kind::step) ||
                             head.kind == static_cast<std::uint32_t>(Kind::warm_up);
        const std::int64_t pairs = is_evaluation ? plans.eval_pairs : plans.train_pairs;
        if ((!is_evaluation && !is_step) || std::int64_t{head.first} + head.count > pairs) break;
        if (std::int64_t{head.done} > (is_evaluation ? resumed.last_evaluation : resumed.steps)) break;
        bytes.resize(block_bytes(head.count));
        if (!read_at(fd_.get(), end, bytes.data(), bytes.size()) || !checksum_holds(bytes)) break;
        end += static_cast<std::int64_t>(bytes.size());
    }
    return end;
}

void PairRecord::add(Kind kind, std::int64_t done, std::int64_t first, std::span<const PairValues> values) {
    const BlockHead head = {static_cast<std::uint32_t>(kind), static_cast<std::uint32_t>(done),
                            static_cast<std::uint32_t>(first), static_cast<std::uint32_t>(values.size())};
    std::string bytes;
    bytes.reserve(block_bytes(values.size()));
    append(bytes, &head, sizeof head);
    append(bytes, values.data(), values.size_bytes());
    append_checksum(bytes);
    write_all(fd_.get(), std::as_bytes(std::span(bytes.data(), bytes.size())), file_);
}

void PairRecord::sync() {
    if (::fdatasync(fd_.get()) != 0) throw cannot_write(errno, file_);
}

PairRecord::Plans pair_record_of(const RunInputs& inputs) {
    PairRecord::Plans plans{inputs.train.sha256, "", inputs.train.plan.pairs(), 0};
    if (inputs.eval) {
        plans.eval_sha256 = inputs.eval->sha256;
        plans.eval_pairs = inputs.eval->plan.pairs();
    }
    return plans;
}

bool records_evaluation(std::int64_t done, std::int64_t steps, std::int64_t eval_steps, std::int64_t pairs) {
    if (done == steps || eval_steps <= 0) return true;
    const auto bytes = static_cast<std::int64_t>(block_bytes(static_cast<std::size_t>(pairs)));
    const std::int64_t evaluations = steps / eval_steps + 1;
    std::int64_t every = 1;
    while (every < evaluations && (evaluations / every + 1) * bytes > most_evaluation_bytes) every *= 2;
    return done / eval_steps % every == 0;
}

}  // namespace wishbone
