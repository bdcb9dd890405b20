import { forecastPlan } from '../core/forecast/plan-forecast.js';
import { serveTasks } from '../core/tasks/index.js';

serveTasks({ forecast: forecastPlan });
