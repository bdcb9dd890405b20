#include "pretrained/weights_hash.h"

#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <ctime>
#include <optional>
#include <system_error>
#include <utility>
#include <vector>

#include "core/sha256.h"
#include "io/kept_findings.h"
#include "pretrained/model_config.h"
#include "pretrained/model_weights.h"

namespace wishbone {

namespace {

/// Which files they are and when they last changed, and so what they hold. Nothing where one changed so lately that a change after
/// this look might leave its times as they are.
std::optional<std::string> identity(const std::filesystem::path& folder, bool tied) {
    std::string text = tied ? "tied" : "not tied";
    std::timespec now{};
    std::timespec_get(&now, TIME_UTC);
    for (const std::filesystem::path& file : weight_files(folder)) {
        struct stat status{};
        std::error_code error;
        const std::filesystem::path whole = std::filesystem::canonical(file, error);
        if (error || ::stat(whole.c_str(), &status) != 0) return std::nullopt;
        text += "\n" + whole.string();
        for (const auto number :
             {static_cast<long long>(status.st_dev), static_cast<long long>(status.st_ino),
              static_cast<long long>(status.st_size), static_cast<long long>(status.st_mtim.tv_sec),
              static_cast<long long>(status.st_mtim.tv_nsec), static_cast<long long>(status.st_ctim.tv_sec),
              static_cast<long long>(status.st_ctim.tv_nsec)})
            text += " " + std::to_string(number);
        constexpr std::time_t coarsest_clock = 2;  // seconds, of a file system
        if (std::max(status.st_mtim.tv_sec, status.st_ctim.tv_sec) + coarsest_clock >= now.tv_sec)
            return std::nullopt;
    }
    Sha256 hash;
    hash.update(std::as_bytes(std::span(text)));
    return hash.hex();
}

std::string remembered_or_new(const std::filesystem::path& folder, const std::stop_token& stop) {
    const ModelConfig config = read_model_config(folder);
    const auto before = identity(folder, config.tie_word_embeddings);
    const auto findings = before ? cached_findings("weights", "weights 1") : nullptr;
    if (findings)
        if (auto known = findings->find(*before)) return std::move(*known);
    std::string sha256 =
        ModelWeights(folder, config).content_sha256([&stop] { return stop.stop_requested(); });
    if (findings && !stop.stop_requested() && identity(folder, config.tie_word_embeddings) == before) {
        findings->add(*before, sha256);
        findings->keep();
    }
    return sha256;
}

}  // namespace

WeightsHash::WeightsHash(std::filesystem::path folder) : folder_(std::move(folder)) {}

void WeightsHash::begin() {
    if (hash_.valid()) return;
    std::packaged_task<std::string(const std::stop_token&)> work(
        [folder = folder_](const std::stop_token& stop) {
            // Of this thread, and of those that it makes.
            (void)::setpriority(PRIO_PROCESS, static_cast<id_t>(::gettid()), 10);
            return remembered_or_new(folder, stop);
        });
    hash_ = work.get_future().share();
    thread_ = std::jthread([work = std::move(work)](const std::stop_token& stop) mutable { work(stop); });
}

const std::string& WeightsHash::get() {
    begin();
    return hash_.get();
}

}  // namespace wishbone
