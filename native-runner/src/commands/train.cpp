#include "commands/commands.h"
#include "train/training_run.h"

namespace wishbone {

void train_command(const TrainArguments& arguments) { run_training(arguments.run_folder, arguments.resume); }

}  // namespace wishbone
