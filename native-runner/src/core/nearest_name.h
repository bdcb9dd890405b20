#pragma once

#include <set>
#include <string>

namespace wishbone {

/// The known name most like `name`, when it is near enough to be a slip of the pen; else an empty text. The same rule
/// as src/core/nearest-name.ts.
std::string nearest_name(const std::string& name, const std::set<std::string>& known);

}  // namespace wishbone
