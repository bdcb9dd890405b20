// Runs a program and does something at its nth system call that changes files, for `npm run campaign`:
//   at_syscall count program…           prints how many there are
//   at_syscall kill N program…          kills it with SIGKILL just before the Nth
//   at_syscall fail N ERRNO program…    has the Nth fail with that error, without being carried out
// Threads are followed. Needs nothing but ptrace of one's own children (x86-64).
#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <signal.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <map>
#include <set>
#include <string>

namespace {

const std::set<long> changing = {
    SYS_write,     SYS_pwrite64, SYS_writev,  SYS_fsync,  SYS_fdatasync, SYS_rename, SYS_renameat,
    SYS_renameat2, SYS_mkdir,    SYS_mkdirat, SYS_unlink, SYS_unlinkat,  SYS_rmdir,  SYS_ftruncate,
    SYS_link,      SYS_linkat,   SYS_chmod,   SYS_fchmod, SYS_truncate,  SYS_close,  SYS_fallocate};

bool is_of_interest(const user_regs_struct& registers) {
    const auto call = static_cast<long>(registers.orig_rax);
    if (call == SYS_openat) return (registers.rdx & (O_WRONLY | O_RDWR | O_CREAT)) != 0;
    if (call == SYS_open) return (registers.rsi & (O_WRONLY | O_RDWR | O_CREAT)) != 0;
    if (call == SYS_ioctl) return registers.rsi == FICLONE;
    // What is printed is no file of the run.
    if (call == SYS_write || call == SYS_writev || call == SYS_close) return registers.rdi > 2;
    return changing.contains(call);
}

}  // namespace

int main(int argc, char** argv) {
    if (argc < 3) return 2;
    const std::string mode = argv[1];
    int next = 2;
    const long wanted = mode == "count" ? 0 : std::atol(argv[next++]);
    const long error = mode == "fail" ? std::atol(argv[next++]) : 0;
    const pid_t child = ::fork();
    if (child == 0) {
        ::ptrace(PTRACE_TRACEME, 0, nullptr, nullptr);
        ::raise(SIGSTOP);
        ::execv(argv[next], argv + next);
        ::_exit(127);
    }
    int status = 0;
    if (::waitpid(child, &status, 0) != child || !WIFSTOPPED(status)) {
        std::fprintf(stderr, "at_syscall: this system lets nobody follow a program\n");
        return 125;
    }
    if (::ptrace(PTRACE_SETOPTIONS, child, nullptr,
                 PTRACE_O_TRACESYSGOOD | PTRACE_O_TRACECLONE | PTRACE_O_TRACEFORK | PTRACE_O_EXITKILL) != 0)
        return 125;
    ::ptrace(PTRACE_SYSCALL, child, nullptr, nullptr);
    long count = 0;
    std::map<pid_t, bool> inside;
    std::set<pid_t> failing;
    for (;;) {
        const pid_t thread = ::waitpid(-1, &status, __WALL);
        if (thread < 0) return 125;
        if (WIFEXITED(status) || WIFSIGNALED(status)) {
            if (thread != child) continue;
            if (mode == "count") std::printf("%ld\n", count);
            return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
        }
        int signal = 0;
        const int stop = WSTOPSIG(status);
        if (stop == (SIGTRAP | 0x80)) {
            user_regs_struct registers{};
            ::ptrace(PTRACE_GETREGS, thread, nullptr, &registers);
            bool& is_inside = inside[thread];
            is_inside = !is_inside;
            if (is_inside && is_of_interest(registers)) {
                if (++count == wanted && mode == "kill") {
                    ::kill(child, SIGKILL);
                    continue;
                }
                if (count == wanted && mode == "fail") {
                    registers.orig_rax = static_cast<unsigned long long>(-1);
                    ::ptrace(PTRACE_SETREGS, thread, nullptr, &registers);
                    failing.insert(thread);
                }
            } else if (!is_inside && failing.erase(thread) > 0) {
                registers.rax = static_cast<unsigned long long>(-error);
                ::ptrace(PTRACE_SETREGS, thread, nullptr, &registers);
            }
        } else if (stop != SIGTRAP && stop != SIGSTOP) {
            signal = stop;
        }
        ::ptrace(PTRACE_SYSCALL, thread, nullptr, signal);
    }
}
