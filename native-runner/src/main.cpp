#include <signal.h>
#include <sys/resource.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <cstdio>
#include <exception>
#include <memory>
#include <new>
#include <string>

#include "backend/registry.h"
#include "commands/commands.h"
#include "core/error.h"
#include "core/terminal.h"
#include "core/version.h"

namespace {

using wishbone::ExitCode;

int report(ExitCode code, const std::string& what, const std::string& where, const std::string& advice) {
    using wishbone::printable;
    std::fprintf(stderr, "error: %s\n  at: %s\n  fix: %s\n", printable(what).c_str(),
                 printable(where).c_str(), printable(advice).c_str());
    return static_cast<int>(code);
}

/// A memory-mapped file that was cut short while it was read. Only calls allowed in a signal handler.
extern "C" void on_bus_error(int) {
    constexpr char text[] =
        "error: A file became shorter, or its disk failed, while it was read\n"
        "  at: a model, plan or checkpoint file\n"
        "  fix: Leave a run's files alone while it works, check the disk, and resume.\n";
    [[maybe_unused]] const ssize_t ignored = ::write(STDERR_FILENO, text, sizeof text - 1);
    ::_exit(static_cast<int>(ExitCode::bad_input));
}

/// OpenBLAS takes memory before `main`, and asks again for ever where there is none. This comes before it.
__attribute__((constructor(101))) void require_address_space() {
    constexpr rlim_t least = rlim_t{256} << 20;
    struct rlimit limit{};
    if (::getrlimit(RLIMIT_AS, &limit) != 0 || limit.rlim_cur == RLIM_INFINITY || limit.rlim_cur >= least)
        return;
    constexpr char text[] =
        "error: Not enough address space: the runner needs 256 MiB\n"
        "  at: this process's limits\n"
        "  fix: Raise the limit (ulimit -v unlimited).\n";
    [[maybe_unused]] const ssize_t ignored = ::write(STDERR_FILENO, text, sizeof text - 1);
    ::_exit(static_cast<int>(ExitCode::out_of_memory));
}

void set_signals() {
    struct sigaction action{};
    ::sigemptyset(&action.sa_mask);
    action.sa_handler = on_bus_error;
    ::sigaction(SIGBUS, &action, nullptr);
    // Both become error codes of write(2): a closed pipe must not end a run, a full quota must be reported.
    action.sa_handler = SIG_IGN;
    ::sigaction(SIGPIPE, &action, nullptr);
    ::sigaction(SIGXFSZ, &action, nullptr);
}

/// The flags that choose a backend.
void add_backend(CLI::App& command, wishbone::BackendChoice& choice) {
    command.add_option("--backend", choice.name, "cpu, cuda, or auto: cuda where it works")
        ->check(CLI::IsMember(wishbone::backend_choices()))
        ->capture_default_str();
    command.add_option("--threads", choice.threads, "Of the CPU backend; 0 means all cores")
        ->check(CLI::Range(0, 4096))
        ->capture_default_str();
    command.add_option("--device", choice.cuda.device, "Index of the GPU")
        ->check(CLI::Range(0, 1023))
        ->capture_default_str();
    command.add_option("--cublaslt", choice.cuda.cublaslt,
                       "libcublasLt.so to load; searched for when not given");
    command.add_flag("--deterministic", choice.cuda.deterministic, "On a GPU: the same bits from run to run");
}

void add_commands(CLI::App& app) {
    using namespace wishbone;

    auto* train = app.add_subcommand("train", "Carry out the run in a run folder");
    auto train_arguments = std::make_shared<TrainArguments>();
    auto* run_folder = train->add_option("run-folder", train_arguments->run_folder,
                                         "Folder with run.json and plan.safetensors");
    train->add_flag("--resume", train_arguments->resume, "Go on from the newest checkpoint");
    train
        ->add_flag("--join", train_arguments->join,
                   "Of several processes, in one that is not the first: take part in that one's run")
        ->excludes(run_folder);
    train->callback([=] { train_command(*train_arguments); });

    auto* ahead = app.add_subcommand(
        "ahead", "Get ready for a run, then carry out the one whose folder comes on standard input");
    auto ahead_arguments = std::make_shared<AheadArguments>();
    ahead->add_option("model", ahead_arguments->model, "Hugging Face model folder")->required();
    ahead->add_flag("--fp8", ahead_arguments->fp8, "Linear layers in FP8");
    ahead->add_flag("--adapter", ahead_arguments->adapter, "An adapter is trained, not the model");
    add_backend(*ahead, ahead_arguments->backend);
    ahead->callback([=] { ahead_command(*ahead_arguments); });

    auto* from_checkpoint =
        app.add_subcommand("export", "Write the model of a run's checkpoint as a Hugging Face folder");
    auto export_arguments = std::make_shared<ExportArguments>();
    from_checkpoint
        ->add_option("run-folder", export_arguments->run_folder, "Folder of a run with checkpoints")
        ->required();
    from_checkpoint->add_option("--step", export_arguments->step, "Steps done at the checkpoint")
        ->check(CLI::NonNegativeNumber)
        ->required();
    from_checkpoint->add_option("--out", export_arguments->out, "Folder to write; an older one is replaced")
        ->required();
    from_checkpoint->callback([=] { export_command(*export_arguments); });

    auto* logps = app.add_subcommand("logps", "Log-probability of every sequence of a plan");
    auto logps_arguments = std::make_shared<LogpsArguments>();
    logps->add_option("model", logps_arguments->model, "Hugging Face model folder")->required();
    logps->add_option("plan", logps_arguments->plan, "Plan file")->required();
    logps->add_option("--adapter", logps_arguments->adapter, "PEFT folder of an adapter on the model");
    logps->add_option("--out", logps_arguments->out, "Safetensors file to write")->required();
    logps->add_flag("--gradients", logps_arguments->gradients,
                    "Also the gradient of the first step's mean DPO loss");
    logps->add_flag("--per-token", logps_arguments->per_token,
                    "Also those of each token that counts, in the plan's order");
    logps->add_flag("--fp8", logps_arguments->fp8, "Linear layers in FP8, on a GPU that has it");
    logps->add_option("--beta", logps_arguments->beta, "DPO's beta")->capture_default_str();
    add_backend(*logps, logps_arguments->backend);
    logps->callback([=] { logps_command(*logps_arguments); });

    auto* logits = app.add_subcommand("logits", "Logits of one sequence");
    auto logits_arguments = std::make_shared<LogitsArguments>();
    logits->add_option("model", logits_arguments->model, "Hugging Face model folder")->required();
    logits->add_option("--tokens", logits_arguments->tokens, "Token ids, separated by commas")
        ->delimiter(',')
        ->required();
    logits->add_option("--adapter", logits_arguments->adapter, "PEFT folder of an adapter on the model");
    logits->add_option("--out", logits_arguments->out, "Safetensors file to write")->required();
    add_backend(*logits, logits_arguments->backend);
    logits->callback([=] { logits_command(*logits_arguments); });

    auto* sample = app.add_subcommand("sample", "Completions of prompts");
    auto sample_arguments = std::make_shared<SampleArguments>();
    sample->add_option("model", sample_arguments->model, "Hugging Face model folder")->required();
    sample->add_option("request", sample_arguments->request, "JSON file with prompts and how to sample")
        ->required();
    sample->add_option("--adapter", sample_arguments->adapter, "PEFT folder of an adapter on the model");
    add_backend(*sample, sample_arguments->backend);
    sample->callback([=] { sample_command(*sample_arguments); });

    auto* chat = app.add_subcommand(
        "chat", "Complete prompts that come on standard input, token by token, until it ends");
    auto chat_arguments = std::make_shared<ChatArguments>();
    chat->add_option("model", chat_arguments->model, "Hugging Face model folder")->required();
    chat->add_option("--adapter", chat_arguments->adapter, "PEFT folder of an adapter on the model");
    add_backend(*chat, chat_arguments->backend);
    chat->callback([=] { chat_command(*chat_arguments); });

    auto* speedup = app.add_subcommand("speedup", "Time shared against naive plan, step by step in turn");
    auto speedup_arguments = std::make_shared<SpeedupArguments>();
    speedup->add_option("model", speedup_arguments->model, "Hugging Face model folder")->required();
    speedup->add_option("shared-plan", speedup_arguments->shared_plan, "Plan with prefix sharing")
        ->required();
    speedup->add_option("naive-plan", speedup_arguments->naive_plan, "Plan without")->required();
    speedup->add_option("--rounds", speedup_arguments->rounds, "How often to do every step")
        ->check(CLI::Range(1, 1000))
        ->capture_default_str();
    add_backend(*speedup, speedup_arguments->backend);
    speedup->callback([=] { speedup_command(*speedup_arguments); });

    auto* memory =
        app.add_subcommand("plan-memory", "Memory that the run in a run folder will need at its peak");
    auto memory_arguments = std::make_shared<PlanMemoryArguments>();
    memory
        ->add_option("run-folder", memory_arguments->run_folder, "Folder with run.json and plan.safetensors")
        ->required();
    memory->add_option("--backend", memory_arguments->backend, "Instead of the one run.json names")
        ->check(CLI::IsMember(wishbone::backend_choices()));
    memory
        ->add_option("--processes", memory_arguments->processes,
                     "Processes that the run is for, a machine each, with the devices of run.json")
        ->check(CLI::Range(1, 16384));
    memory->add_flag("--json", memory_arguments->json, "For programs");
    memory->callback([=] { plan_memory_command(*memory_arguments); });

    auto* place = app.add_subcommand("place", "Where this process stands among those of a run, as JSON");
    place->callback([] { place_command(); });

    auto* info = app.add_subcommand("info", "Version, backends, devices");
    auto json = std::make_shared<bool>(false);
    info->add_flag("--json", *json, "For programs");
    info->callback([=] { info_command(*json); });
}

}  // namespace

int main(int argc, char** argv) {
    set_signals();
    CLI::App app("Wishbone's runner: carries out preference-tuning runs", "wishbone-runner");
    app.set_version_flag("--version", std::string(wishbone::version));
    app.require_subcommand(1);
    add_commands(app);
    try {
        app.parse(argc, argv);
        return static_cast<int>(ExitCode::ok);
    } catch (const CLI::Success& shown) {
        return app.exit(shown);  // --help and --version
    } catch (const CLI::Error& error) {
        return report(ExitCode::usage, error.what(), "command line", "See wishbone-runner --help.");
    } catch (const wishbone::Error& error) {
        return report(error.code(), error.what(), error.where(), error.advice());
    } catch (const std::bad_alloc&) {
        return report(ExitCode::out_of_memory, "Not enough memory", "this machine",
                      "Use a smaller model, a plan with a smaller capacity, or a machine with more memory.");
    } catch (const std::exception& error) {
        return report(ExitCode::internal, error.what(), "wishbone-runner",
                      "This is a fault of the runner: report it.");
    }
}
