// Runs `forecastPlan` off the main thread, for the launch form and the speedup panel.
import { forecastPlan, type PlanForecastRequest } from '../core/forecast/plan-forecast.js';
import { serveTask } from '../core/worker-task.js';

void serveTask((request: PlanForecastRequest, work) => forecastPlan(request, work));
