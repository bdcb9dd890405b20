#include "comm/processes/place.h"

#include <algorithm>
#include <charconv>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <vector>

#include "comm/processes/hostlist.h"
#include "core/error.h"
#include "core/terminal.h"

namespace wishbone {

namespace {

constexpr int most_processes = 16384, most_locals = 1024;
constexpr int least_port = 1, most_port = 65535;
/// Below the ports that systems hand out by themselves.
constexpr int slurm_ports = 20000, slurm_ports_count = 12000;

class Variables {
  public:
    explicit Variables(const Variable& variable) : variable_(variable) {}

    /// An empty one is none.
    std::optional<std::string> text(const char* name) const {
        auto value = variable_(name);
        if (value && value->empty()) value.reset();
        return value;
    }
    bool has(const char* name) const { return text(name).has_value(); }

    std::optional<int> number(const char* name, int least, int most) const {
        const auto value = text(name);
        if (!value) return std::nullopt;
        int result = 0;
        const char* const end = value->data() + value->size();
        const auto [stop, error] = std::from_chars(value->data(), end, result);
        if (error != std::errc() || stop != end || result < least || result > most)
            throw bad_input(std::string(name) + " is \"" + printable(*value) + "\"", place(name),
                            "It is to be a whole number from " + std::to_string(least) + " to " +
                                std::to_string(most) + ".");
        return result;
    }
    int needed_number(const char* name, int least, int most, const char* because) const {
        if (const auto value = number(name, least, most)) return *value;
        throw missing(name, because);
    }
    static Error missing(const char* name, const char* because) {
        return bad_input(
            std::string(name) + " is not set, and " + because + " is", place(name),
            "Set all of RANK, WORLD_SIZE, MASTER_ADDR and MASTER_PORT in every process, as torchrun "
            "does, or none of them.");
    }
    static std::string place(const char* name) { return "environment variable " + std::string(name); }

  private:
    const Variable& variable_;
};

/// `smaller`, counted from 0, is one of `larger`.
void check_below(const char* smaller, int value, const char* larger, int size) {
    if (value < size) return;
    throw bad_input(std::string(smaller) + " is " + std::to_string(value) + ", and " + larger + " is " +
                        std::to_string(size),
                    Variables::place(smaller),
                    std::string(smaller) + " counts from 0 to " + larger + " - 1.");
}

ProcessPlace by_torchrun(const Variables& variables) {
    ProcessPlace place;
    place.processes = variables.needed_number("WORLD_SIZE", 1, most_processes, "RANK");
    place.process = variables.needed_number("RANK", 0, most_processes, "WORLD_SIZE");
    check_below("RANK", place.process, "WORLD_SIZE", place.processes);
    if (variables.has("LOCAL_RANK") != variables.has("LOCAL_WORLD_SIZE"))
        throw variables.has("LOCAL_RANK") ? Variables::missing("LOCAL_WORLD_SIZE", "LOCAL_RANK")
                                          : Variables::missing("LOCAL_RANK", "LOCAL_WORLD_SIZE");
    place.locals = variables.number("LOCAL_WORLD_SIZE", 1, most_locals).value_or(1);
    place.local = variables.number("LOCAL_RANK", 0, most_locals).value_or(0);
    check_below("LOCAL_RANK", place.local, "LOCAL_WORLD_SIZE", place.locals);
    if (place.locals > place.processes)
        throw bad_input("LOCAL_WORLD_SIZE is " + std::to_string(place.locals) + ", and WORLD_SIZE is " +
                            std::to_string(place.processes),
                        Variables::place("LOCAL_WORLD_SIZE"),
                        "The processes of one machine are no more than those of all.");
    if (place.processes == 1) return place;
    if (!variables.has("MASTER_ADDR")) throw Variables::missing("MASTER_ADDR", "WORLD_SIZE");
    place.host = *variables.text("MASTER_ADDR");
    place.port = variables.needed_number("MASTER_PORT", least_port, most_port, "MASTER_ADDR");
    place.port_from = "MASTER_PORT";
    if (variables.text("TORCHELASTIC_USE_AGENT_STORE") == "True")
        place.port += place.port < most_port ? 1 : -1;
    place.job = variables.text("TORCHELASTIC_RUN_ID").value_or("");
    return place;
}

/// How many tasks node number `node` has in "2(x3),1".
int tasks_of_node(const std::string& list, int node) {
    const char* const name = "SLURM_STEP_TASKS_PER_NODE";
    const auto fail = [&]() -> Error {
        return bad_input("\"" + printable(list) + "\" says nothing of node " + std::to_string(node),
                         Variables::place(name), "Slurm sets it; start the run with srun, or unset it.");
    };
    const char* at = list.data();
    const char* const end = at + list.size();
    const auto number = [&] {
        int value = 0;
        const auto [stop, error] = std::from_chars(at, end, value);
        if (error != std::errc() || value < 1) throw fail();
        at = stop;
        return value;
    };
    for (std::int64_t nodes = 0; at < end;) {
        const int tasks = number();
        int repeats = 1;
        if (end - at > 2 && at[0] == '(' && at[1] == 'x') {
            at += 2;
            repeats = number();
            if (at == end || *at++ != ')') throw fail();
        }
        nodes += repeats;
        if (node < nodes) return tasks;
        if (at < end && *at++ != ',') throw fail();
    }
    throw fail();
}

/// A batch script, and a shell in an allocation, have variables of the whole job: only a step of srun has several tasks.
bool is_in_step(const Variables& variables) {
    return variables.has("SLURM_STEP_ID") || variables.has("SLURM_STEP_NUM_TASKS") ||
           variables.has("SLURM_STEP_NODELIST");
}

ProcessPlace by_slurm(const Variables& variables) {
    ProcessPlace place;
    const char* const tasks = variables.has("SLURM_STEP_NUM_TASKS") ? "SLURM_STEP_NUM_TASKS" : "SLURM_NTASKS";
    const auto slurm_missing = [](const char* name) {
        return bad_input(std::string(name) + " is not set, and SLURM_PROCID is", Variables::place(name),
                         "Start the run with srun, which sets both, or unset SLURM_PROCID.");
    };
    const auto processes = variables.number(tasks, 1, most_processes);
    if (!processes) throw slurm_missing("SLURM_NTASKS");
    place.processes = *processes;
    place.process = *variables.number("SLURM_PROCID", 0, most_processes);
    check_below("SLURM_PROCID", place.process, tasks, place.processes);
    if (place.processes == 1) return place;
    if (!is_in_step(variables)) {
        std::fprintf(
            stderr,
            "this is no step of srun, so that it is a single process; \"srun wishbone-runner train …\" "
            "runs on all of %s=%d\n",
            tasks, place.processes);
        return {};
    }
    if (const auto per_node = variables.text("SLURM_STEP_TASKS_PER_NODE")) {
        const int node = variables.number("SLURM_NODEID", 0, most_processes).value_or(0);
        place.locals = tasks_of_node(*per_node, node);
        place.local = variables.number("SLURM_LOCALID", 0, most_locals).value_or(0);
        check_below("SLURM_LOCALID", place.local, "SLURM_STEP_TASKS_PER_NODE", place.locals);
    }
    if (const auto host = variables.text("MASTER_ADDR")) {
        place.host = *host;
    } else {
        const char* const name =
            variables.has("SLURM_STEP_NODELIST") ? "SLURM_STEP_NODELIST" : "SLURM_JOB_NODELIST";
        const auto list = variables.text(name);
        if (!list) throw slurm_missing("SLURM_JOB_NODELIST");
        place.host = expanded_hosts(*list, Variables::place(name)).front();
        // Where srun was called: in a batch script that is the first node.
        place.other_host = variables.text("SLURM_LAUNCH_NODE_IPADDR").value_or("");
    }
    const int step = variables.number("SLURM_STEP_ID", 0, 0x7fffffff).value_or(0);
    const auto job = variables.number("SLURM_JOB_ID", 0, 0x7fffffff);
    if (const auto port = variables.number("MASTER_PORT", least_port, most_port)) {
        place.port = *port;
        place.port_from = "MASTER_PORT";
    } else {
        if (!job) throw slurm_missing("SLURM_JOB_ID");
        // Jobs and steps that follow each other on a node have different ones.
        place.port = slurm_ports + static_cast<int>((std::int64_t{*job} * 7 + step) % slurm_ports_count);
        place.port_from = "SLURM_JOB_ID";
    }
    if (job) place.job = std::to_string(*job) + "." + std::to_string(step);
    return place;
}

}  // namespace

ProcessPlace process_place(const Variable& variable) {
    const Variables variables(variable);
    ProcessPlace place;
    if (variables.has("RANK") || variables.has("WORLD_SIZE"))
        place = by_torchrun(variables);
    else if (variables.has("SLURM_PROCID"))
        place = by_slurm(variables);
    if (place.processes == 1) return {};
    if (const auto port = variables.number("WISHBONE_PORT", least_port, most_port)) {
        place.port = *port;
        place.port_from = "WISHBONE_PORT";
    }
    return place;
}

ProcessPlace process_place() {
    return process_place([](const char* name) -> std::optional<std::string> {
        const char* const value = std::getenv(name);
        return value == nullptr ? std::nullopt : std::optional<std::string>(value);
    });
}

}  // namespace wishbone
