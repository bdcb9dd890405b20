#pragma once

namespace wishbone {

/// The project's version, from package.json.
inline constexpr const char* version = WISHBONE_VERSION;

}  // namespace wishbone
