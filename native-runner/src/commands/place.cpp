#include "comm/processes/place.h"

#include <cstdio>
#include <nlohmann/json.hpp>

#include "commands/commands.h"

namespace wishbone {

void place_command() {
    const ProcessPlace place = process_place();
    const nlohmann::ordered_json json = {{"process", place.process}, {"processes", place.processes}};
    std::printf("%s\n", json.dump().c_str());
}

}  // namespace wishbone
