// Explains why the chosen responses of a run became less likely: its plan can be large, and its models are asked.
import { serveTasks } from '../core/tasks/index.js';
import { explainChosen } from '../core/why/index.js';

serveTasks({ why: explainChosen });
