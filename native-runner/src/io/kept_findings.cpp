#include "io/kept_findings.h"

#include <fcntl.h>
#include <sys/file.h>

#include <chrono>
#include <exception>
#include <system_error>
#include <thread>
#include <utility>

#include "core/error.h"
#include "core/file_descriptor.h"
#include "core/sha256.h"
#include "core/terminal.h"
#include "io/atomic_file.h"
#include "io/cache_folder.h"
#include "io/json.h"

namespace wishbone {

namespace {

constexpr const char* format = "wishbone-findings";

std::string sha256_of(const std::string& text) {
    Sha256 hash;
    hash.update(std::as_bytes(std::span(text)));
    return hash.hex();
}

/// Until the descriptor goes. Not for long: whoever has the lock and does not go on must not stop a run.
void lock(const FileDescriptor& folder) {
    using namespace std::chrono_literals;
    for (int tries = 0; folder && tries < 40 && ::flock(folder.get(), LOCK_EX | LOCK_NB) != 0; ++tries)
        std::this_thread::sleep_for(25ms);
}

}  // namespace

KeptFindings::KeptFindings(std::filesystem::path file, std::string circumstances)
    : file_(std::move(file)), circumstances_(std::move(circumstances)), findings_(read()) {}

std::optional<std::string> KeptFindings::find(const std::string& name) const {
    const auto found = findings_.find(name);
    return found == findings_.end() ? std::nullopt : std::optional(found->second);
}

void KeptFindings::add(const std::string& name, std::string value) {
    findings_[name] = std::move(value);
    added_.insert(name);
}

void KeptFindings::keep() noexcept {
    if (added_.empty()) return;
    try {
        make_cache_folder(file_.parent_path());
        // Between reading what others kept and writing all of it nobody else writes. Where a file system has no locks, one of two
        // may lose what it found out, and no more.
        const FileDescriptor folder(::open(file_.parent_path().c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
        lock(folder);
        for (auto& [name, value] : read())
            if (!added_.contains(name)) findings_[name] = std::move(value);
        // What is too much to be read again is thrown away but for this process's own.
        if (findings_.size() > most_findings)
            std::erase_if(findings_, [&](const auto& finding) { return !added_.contains(finding.first); });
        if (findings_.size() > most_findings) return;
        const nlohmann::json findings = findings_;
        const nlohmann::ordered_json whole = {{"format", format},
                                              {"version", 1},
                                              {"circumstances", circumstances_},
                                              {"sha256", sha256_of(findings.dump())},
                                              {"findings", findings}};
        write_text(file_, whole.dump(2) + "\n");
        added_.clear();
    } catch (const Error& error) {
        warn(std::string("what was found out is not kept: ") + error.what() + " (" + error.where() + ")");
    } catch (const std::exception& fault) {
        warn(std::string("what was found out is not kept: ") + fault.what());
    }
}

std::map<std::string, std::string> KeptFindings::read() const {
    std::error_code error;
    if (!std::filesystem::exists(file_, error)) return {};
    try {
        const auto json = parse_json_table(read_text(file_, most_bytes), file_.string());
        std::map<std::string, std::string> findings = json.at("findings");
        // A sum over all of it: a finding may be handed to a library as it is.
        if (json.at("format") != format || json.at("version") != 1 ||
            json.at("circumstances") != circumstances_ ||
            json.at("sha256") != sha256_of(json.at("findings").dump()) || findings.size() > most_findings)
            return {};
        return findings;
    } catch (const std::exception&) {
        return {};
    }
}

std::unique_ptr<Findings> cached_findings(const std::string& kind, const std::string& circumstances) {
    const std::filesystem::path folder = cache_folder();
    if (folder.empty()) return nullptr;
    return std::make_unique<KeptFindings>(folder / kind / (sha256_of(circumstances) + ".json"),
                                          circumstances);
}

}  // namespace wishbone
