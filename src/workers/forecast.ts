import { forecastPlan } from '../core/forecast/plan-forecast.js';
import { serveTasks } from '../core/tasks.js';

serveTasks({ forecast: forecastPlan });
