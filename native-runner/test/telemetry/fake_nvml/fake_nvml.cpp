// Stands in for the driver's libnvidia-ml: two cards whose numbers a test can foretell. In $FAKE_NVML stands what is wrong with it:
// "fails" (it cannot be initialised) or "hangs" (a reading never ends).

#include <unistd.h>

#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <cstring>

namespace {

constexpr int success = 0, not_supported = 3, not_found = 6, unknown = 999;

struct Card {
    const char* bus_id;
    const char* name;
    unsigned int busy;  ///< percent, and 20 more every second time
    int readings;
};
Card cards[] = {{"0000:01:00.0", "Fake A", 40, 0}, {"0000:02:00.0", "Fake B", 70, 0}};

std::atomic<bool> hangs = false;

}  // namespace

extern "C" {

int nvmlInit_v2() {
    const char* const set = std::getenv("FAKE_NVML");
    const auto is = [set](const char* fault) { return set != nullptr && std::strcmp(set, fault) == 0; };
    hangs = is("hangs");
    for (Card& card : cards) card.readings = 0;
    return is("fails") ? unknown : success;
}
int nvmlShutdown() { return success; }

int nvmlDeviceGetHandleByPciBusId_v2(const char* bus_id, void** device) {
    for (Card& card : cards)
        if (std::strcmp(card.bus_id, bus_id) == 0) {
            *device = &card;
            return success;
        }
    return not_found;
}

int nvmlDeviceGetName(void* device, char* name, unsigned int length) {
    std::snprintf(name, length, "%s", static_cast<Card*>(device)->name);
    return success;
}

int nvmlDeviceGetUtilizationRates(void* device, unsigned int* gpu_and_memory) {
    while (hangs) ::usleep(10'000);
    Card& card = *static_cast<Card*>(device);
    gpu_and_memory[0] = card.busy + 20 * static_cast<unsigned int>(card.readings++ % 2);
    gpu_and_memory[1] = 5;
    return success;
}

int nvmlDeviceGetMemoryInfo(void*, unsigned long long* total_free_used) {
    total_free_used[0] = 80ull << 30;
    total_free_used[1] = 60ull << 30;
    total_free_used[2] = 20ull << 30;
    return success;
}

int nvmlDeviceGetTemperature(void* device, int sensor, unsigned int* celsius) {
    if (sensor != 0) return not_supported;
    *celsius = device == &cards[0] ? 61 : 55;
    return success;
}

/// Only the first card has a meter.
int nvmlDeviceGetPowerUsage(void* device, unsigned int* milliwatts) {
    if (device != &cards[0]) return not_supported;
    *milliwatts = 512'340;
    return success;
}
}
