#include "support/runner_process.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <stdexcept>
#include <thread>

#include "support/files.h"

namespace wishbone::test {

RunnerProcess::RunnerProcess(const std::vector<std::string>& arguments,
                             const std::filesystem::path& output_folder,
                             const std::function<void()>& before_exec) {
    static std::atomic<int> count = 0;
    const std::string number = std::to_string(count++);
    out_ = output_folder / ("out-" + number + ".txt");
    err_ = output_folder / ("err-" + number + ".txt");
    // Everything that allocates happens before the fork.
    std::vector<std::string> words = {WISHBONE_RUNNER};
    words.insert(words.end(), arguments.begin(), arguments.end());
    std::vector<char*> argv;
    for (std::string& word : words) argv.push_back(word.data());
    argv.push_back(nullptr);
    const std::string cache = output_folder / "cache";
    pid_ = ::fork();
    if (pid_ < 0) throw std::runtime_error("fork failed");
    if (pid_ == 0) {
        const int out = ::open(out_.c_str(), O_WRONLY | O_CREAT | O_TRUNC, 0666);
        const int err = ::open(err_.c_str(), O_WRONLY | O_CREAT | O_TRUNC, 0666);
        ::dup2(out, STDOUT_FILENO);
        ::dup2(err, STDERR_FILENO);
        ::setenv("WISHBONE_CACHE", cache.c_str(), 1);  // nothing of the user's is read or written
        if (before_exec) before_exec();
        ::execv(argv[0], argv.data());
        ::_exit(127);
    }
}

RunnerProcess::~RunnerProcess() {
    if (ended_) return;
    ::kill(pid_, SIGKILL);
    ::waitpid(pid_, &status_, 0);
}

void RunnerProcess::signal(int number) const {
    if (!ended_) ::kill(pid_, number);
}

bool RunnerProcess::poll() {
    if (!ended_ && ::waitpid(pid_, &status_, WNOHANG) == pid_) ended_ = true;
    return ended_;
}

int RunnerProcess::wait() {
    if (!ended_ && ::waitpid(pid_, &status_, 0) == pid_) ended_ = true;
    return WIFEXITED(status_) ? WEXITSTATUS(status_) : -WTERMSIG(status_);
}

bool RunnerProcess::wait_until(const std::function<bool()>& condition) {
    const auto end = std::chrono::steady_clock::now() + std::chrono::minutes(1);
    while (std::chrono::steady_clock::now() < end) {
        const bool ended = poll();
        if (condition()) return true;
        if (ended) return false;
        std::this_thread::sleep_for(std::chrono::milliseconds(2));
    }
    return false;
}

std::string RunnerProcess::standard_output() const { return read_file(out_); }
std::string RunnerProcess::standard_error() const { return read_file(err_); }

RunnerResult run_runner(const std::vector<std::string>& arguments, const std::filesystem::path& output_folder,
                        const std::function<void()>& before_exec) {
    RunnerProcess process(arguments, output_folder, before_exec);
    const int code = process.wait();
    return {code, process.standard_output(), process.standard_error()};
}

}  // namespace wishbone::test
