#include "run/process/run_lock.h"

#include <fcntl.h>
#include <sys/file.h>

#include <cerrno>

#include "core/error.h"
#include "io/atomic_file.h"

namespace wishbone {

RunLock::RunLock(const std::filesystem::path& run_folder) {
    std::error_code error;
    if (!std::filesystem::is_directory(run_folder, error))
        throw bad_input("The run folder does not exist", run_folder.string(), "Check the path.");
    const std::filesystem::path file = run_folder / "run.lock";
    fd_ = FileDescriptor(::open(file.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0666));
    if (!fd_) throw cannot_write(errno, file);
    int result = 0;
    do result = ::flock(fd_.get(), LOCK_EX | LOCK_NB);
    while (result != 0 && errno == EINTR);
    if (result == 0) return;
    if (errno == EWOULDBLOCK)
        throw bad_input("Another runner is at work in this folder", file.string(),
                        "Wait for it or stop it; one run folder has one runner.");
    throw cannot_write(errno, file);
}

}  // namespace wishbone
