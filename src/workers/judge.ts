// Has completions of a run judged: its models are asked, and a judge.
import { judgeRun, planJudging, readJudgement, readJudgements } from '../core/judge/index.js';
import { serveTasks } from '../core/tasks/index.js';

serveTasks({
  judge: judgeRun,
  planJudging: (request) => planJudging(request),
  judgement: (request) => readJudgement(request),
  judgements: (folder) => readJudgements(folder),
});
