#pragma once

#include <sys/types.h>

#include <filesystem>
#include <functional>
#include <string>
#include <vector>

namespace wishbone::test {

/// The real executable as a child process. Killed and waited for when the object goes.
class RunnerProcess {
  public:
    /// `before_exec` runs in the child, for resource limits.
    RunnerProcess(const std::vector<std::string>& arguments, const std::filesystem::path& output_folder,
                  const std::function<void()>& before_exec = {});
    ~RunnerProcess();
    RunnerProcess(const RunnerProcess&) = delete;
    RunnerProcess& operator=(const RunnerProcess&) = delete;

    void signal(int number) const;
    /// Exit code, or minus the number of the signal that ended it.
    int wait();
    /// Waits for `condition`, polling; false when the process ended or a minute passed first.
    bool wait_until(const std::function<bool()>& condition);
    pid_t pid() const { return pid_; }

    std::string standard_output() const;
    std::string standard_error() const;

  private:
    bool poll();

    pid_t pid_ = -1;
    bool ended_ = false;
    int status_ = 0;
    std::filesystem::path out_, err_;
};

struct RunnerResult {
    int exit_code;
    std::string out, err;
};

/// Runs it to its end.
RunnerResult run_runner(const std::vector<std::string>& arguments, const std::filesystem::path& output_folder,
                        const std::function<void()>& before_exec = {});

}  // namespace wishbone::test
