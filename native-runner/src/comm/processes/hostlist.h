#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace wishbone {

/// The names in a list of hosts as Slurm writes it: "gpu[01-03,7],login" is gpu01, gpu02, gpu03, gpu7, login. A name may have
/// several brackets ("rack[1-2]n[1-4]"), the last turning fastest; numbers keep their leading zeros. Throws Error(bad_input),
/// naming `where`, for what is no such list or has more than 65,536 names.
std::vector<std::string> expanded_hosts(std::string_view list, const std::string& where);

}  // namespace wishbone
