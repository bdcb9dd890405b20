#pragma once

#include <filesystem>
#include <map>
#include <memory>
#include <set>
#include <string>

#include "core/findings.h"

namespace wishbone {

/// Findings in a file of the cache folder (docs/formats.md, "Findings"). One that is damaged, too large or of other circumstances
/// counts as empty, and is written anew. Processes that keep theirs at the same time keep both.
class KeptFindings final : public Findings {
  public:
    static constexpr std::size_t most_bytes = std::size_t{4} << 20;
    static constexpr std::size_t most_findings = 4096;

    /// Reads the file, if there is one.
    KeptFindings(std::filesystem::path file, std::string circumstances);

    std::optional<std::string> find(const std::string& name) const override;
    void add(const std::string& name, std::string value) override;
    /// A failure is a warning.
    void keep() noexcept override;

  private:
    std::map<std::string, std::string> read() const;

    std::filesystem::path file_;
    std::string circumstances_;
    std::map<std::string, std::string> findings_;
    std::set<std::string> added_;  ///< since the last `keep`
};

/// Findings of a kind, `kind/<SHA-256 of the circumstances>.json` in the cache folder; null where there is none.
std::unique_ptr<Findings> cached_findings(const std::string& kind, const std::string& circumstances);

}  // namespace wishbone
