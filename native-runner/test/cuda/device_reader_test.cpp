#include "telemetry/device_reader.h"

#include <dlfcn.h>

#include <string>
#include <vector>

#include "conformance/test_device.h"

using namespace wishbone;
using namespace wishbone::conformance;

TEST_CASE("NVML knows the GPU that the backend works on" * doctest::skip(!have_cuda())) {
    Backend& backend = cuda_target().backend();
    const std::vector<std::string> bus_ids = {backend.bus_id()};
    REQUIRE_FALSE(bus_ids.front().empty());
    if (::dlopen("libnvidia-ml.so.1", RTLD_NOW | RTLD_LOCAL) == nullptr) {
        MESSAGE("the driver's NVML is not on this machine");
        return;
    }
    const auto reader = make_device_reader(bus_ids);
    REQUIRE(reader != nullptr);
    const auto readings = reader->read();
    REQUIRE(readings.size() == 1);
    CHECK(backend.device_name().starts_with(readings[0].name.substr(0, 6)));
    REQUIRE(readings[0].memory);
    CHECK(readings[0].memory->used <= readings[0].memory->total);
    CHECK(readings[0].memory->total >= std::size_t{8} << 30);
    MESSAGE(readings[0].name, ": ", readings[0].utilisation.value_or(-1), ", ",
            readings[0].memory->used >> 20, " MiB, ", readings[0].temperature.value_or(-1), " C, ",
            readings[0].power.value_or(-1), " W");
}
