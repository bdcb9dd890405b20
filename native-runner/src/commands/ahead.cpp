#include <fcntl.h>
#include <unistd.h>

#include <array>
#include <cstdio>
#include <iostream>
#include <memory>
#include <string>

#include "commands/commands.h"
#include "core/error.h"
#include "run/ahead.h"
#include "run/run.h"

namespace wishbone {

namespace {

/// What is printed until the run's folder is known goes to its log then, as all that follows.
class EarlyOutput {
  public:
    EarlyOutput() : file_(std::tmpfile()) {
        if (file_ == nullptr) return;
        ::dup2(::fileno(file_.get()), STDOUT_FILENO);
        ::dup2(::fileno(file_.get()), STDERR_FILENO);
    }

    void go_to(const std::filesystem::path& log) {
        // Not waiting for anybody should it be a pipe.
        const int to = ::open(log.c_str(), O_WRONLY | O_APPEND | O_CREAT | O_NONBLOCK | O_CLOEXEC, 0600);
        if (to < 0)
            throw Error(ExitCode::cannot_write, "Cannot write the runner's log", log.string(),
                        "Check the folder and its disk.");
        std::fflush(nullptr);
        if (file_ != nullptr) {
            std::array<char, 4096> text{};
            std::rewind(file_.get());
            while (const std::size_t count = std::fread(text.data(), 1, text.size(), file_.get()))
                if (::write(to, text.data(), count) < 0) break;
        }
        ::dup2(to, STDOUT_FILENO);
        ::dup2(to, STDERR_FILENO);
        ::close(to);
    }

  private:
    struct Close {
        void operator()(std::FILE* file) const { std::fclose(file); }
    };
    std::unique_ptr<std::FILE, Close> file_;
};

}  // namespace

void ahead_command(const AheadArguments& arguments) {
    EarlyOutput output;
    Ahead ahead({arguments.model, arguments.backend, arguments.fp8 ? Precision::fp8 : Precision::bf16,
                 arguments.adapter});
    std::string folder;
    // Whoever planned a run may find that there is none.
    if (!std::getline(std::cin, folder) || folder.empty()) return;
    output.go_to(std::filesystem::path(folder) / "runner.log");
    run_training(folder, false, &ahead);
}

}  // namespace wishbone
