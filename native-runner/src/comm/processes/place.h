#pragma once

#include <functional>
#include <optional>
#include <string>

namespace wishbone {

/// Where this process stands among those of a run, and where they meet.
struct ProcessPlace {
    int process = 0, processes = 1;  ///< the first alone writes to the run folder
    int local = 0, locals = 1;       ///< among those of this machine that have a device each
    std::string host;                ///< where the first process listens: a name or an address
    std::string other_host;          ///< where it is sought when that name is not known; may be empty
    int port = 0;
    std::string port_from;  ///< the variable that `port` comes from, for messages
    std::string job;        ///< what whoever started them calls the job; may be empty
};

using Variable = std::function<std::optional<std::string>(const char* name)>;

/// By torchrun's variables (RANK, WORLD_SIZE, LOCAL_RANK, LOCAL_WORLD_SIZE, MASTER_ADDR, MASTER_PORT), else, in a step of srun, by
/// Slurm's (SLURM_PROCID, SLURM_STEP_NUM_TASKS or SLURM_NTASKS, SLURM_STEP_NODELIST or SLURM_JOB_NODELIST, SLURM_LOCALID,
/// SLURM_NODEID, SLURM_STEP_TASKS_PER_NODE, SLURM_JOB_ID, SLURM_STEP_ID), where MASTER_ADDR and MASTER_PORT go before the first
/// node's name and the port of the job's number. WISHBONE_PORT goes before both ports. torchrun's own store has MASTER_PORT, so that
/// the next one is taken then. Nothing of both: a single process. Throws Error(bad_input) naming the variable that is missing, is
/// no number, or contradicts another.
ProcessPlace process_place(const Variable& variable);
/// Of this process's environment.
ProcessPlace process_place();

}  // namespace wishbone
