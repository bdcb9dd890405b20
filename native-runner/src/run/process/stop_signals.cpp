#include "run/process/stop_signals.h"

#include <signal.h>
#include <unistd.h>

#include <cerrno>
#include <initializer_list>

#include "core/error.h"

namespace wishbone {

namespace {

volatile sig_atomic_t signals_seen = 0;

/// Only what may be called inside a signal handler (signal-safety(7)).
extern "C" void on_stop_signal(int) {
    if (signals_seen) ::_exit(static_cast<int>(ExitCode::interrupted));
    signals_seen = 1;
    const int saved = errno;
    constexpr char text[] = "stopping after this step; a second signal ends at once\n";
    [[maybe_unused]] const ssize_t ignored = ::write(STDERR_FILENO, text, sizeof text - 1);
    errno = saved;
}

void set_handler(void (*handler)(int)) {
    struct sigaction action{};
    action.sa_handler = handler;
    action.sa_flags = SA_RESTART;
    ::sigemptyset(&action.sa_mask);
    for (const int number : {SIGTERM, SIGINT}) ::sigaction(number, &action, nullptr);
}

}  // namespace

StopSignals::StopSignals() {
    signals_seen = 0;
    set_handler(on_stop_signal);
}

StopSignals::~StopSignals() { set_handler(SIG_DFL); }

bool StopSignals::requested() { return signals_seen != 0; }

}  // namespace wishbone
