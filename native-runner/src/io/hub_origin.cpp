#include "io/hub_origin.h"

#include <algorithm>
#include <string_view>
#include <vector>

namespace wishbone {

std::optional<HubOrigin> hub_origin(const std::filesystem::path& path) {
    std::vector<std::string> parts;
    for (const auto& part : path.lexically_normal()) parts.push_back(part.string());
    for (std::size_t i = 2; i < parts.size(); ++i) {
        const std::string &commit = parts[i], &repository = parts[i - 2];
        const bool is_commit = commit.size() == 40 && std::ranges::all_of(commit, [](char c) {
                                   return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f');
                               });
        if (!is_commit || parts[i - 1] != "snapshots") continue;
        for (const std::string_view kind : {"models--", "datasets--"}) {
            if (!repository.starts_with(kind)) continue;
            std::string name = repository.substr(kind.size());
            if (const auto apart = name.find("--"); apart != std::string::npos) name.replace(apart, 2, "/");
            return HubOrigin{name, commit};
        }
    }
    return std::nullopt;
}

std::string name_of_path(const std::filesystem::path& path) {
    if (const auto origin = hub_origin(path)) return origin->name;
    return (path.has_filename() ? path : path.parent_path()).filename().string();
}

}  // namespace wishbone
