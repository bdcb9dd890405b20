#include "run/process/run_lock.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>

#include <cerrno>
#include <thread>

#include "core/error.h"
#include "core/stopwatch.h"
#include "io/atomic_file.h"
#include "io/event_lines.h"

namespace wishbone {

namespace {

/// Whether the run's last word has been said.
bool is_over(const std::filesystem::path& events) {
    const auto last = last_event(events);
    if (!last) return false;
    const auto type = last->find("type");
    return type != last->end() && (*type == "finished" || *type == "stopped" || *type == "failed");
}

}  // namespace

RunLock::RunLock(const std::filesystem::path& run_folder, std::chrono::duration<double> patience) {
    std::error_code error;
    if (!std::filesystem::is_directory(run_folder, error))
        throw bad_input("The run folder does not exist", run_folder.string(), "Check the path.");
    // Absolute: the working folder may be the one that is removed.
    file_ = std::filesystem::absolute(run_folder) / "run.lock";
    fd_ = FileDescriptor(::open(file_.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0666));
    struct stat status{};
    if (!fd_ || ::fstat(fd_.get(), &status) != 0) throw cannot_write(errno, file_);
    device_ = status.st_dev;
    inode_ = status.st_ino;
    const Stopwatch watch;
    while (!take()) {
        if (watch.seconds() > patience.count() || !is_over(file_.parent_path() / "events.jsonl"))
            throw bad_input("Another runner is at work in this folder", file_.string(),
                            "Wait for it or stop it; one run folder has one runner.");
        std::this_thread::sleep_for(std::chrono::milliseconds(20));
    }
    // Another may have taken its place between opening and locking.
    check();
}

/// False while another holds it.
bool RunLock::take() {
    int result = 0;
    do result = ::flock(fd_.get(), LOCK_EX | LOCK_NB);
    while (result != 0 && errno == EINTR);
    if (result != 0 && errno != EWOULDBLOCK) throw cannot_write(errno, file_);
    return result == 0;
}

void RunLock::check() const {
    struct stat status{};
    if (::stat(file_.c_str(), &status) == 0) {
        if (status.st_dev == device_ && status.st_ino == inode_) return;
    } else if (errno != ENOENT && errno != ENOTDIR) {
        // A disk that does not answer for a moment is no other folder; whoever writes says what is wrong.
        return;
    }
    throw Error(
        ExitCode::cannot_write, "The run folder was moved or removed while the run was at work",
        file_.parent_path().string(),
        "Put it back and resume the run, or resume it where it is now; leave run folders alone while they work.");
}

}  // namespace wishbone
