// Has completions of a run judged: its models are asked, and a judge.
import { Judging, readJudgement, readJudgements } from '../core/judge/index.js';
import { serveTasks } from '../core/tasks/index.js';

const judging = new Judging();

serveTasks({
  judge: (request, work) => judging.judge(request, work),
  planJudging: (request) => judging.plan(request),
  judgement: (request) => readJudgement(request),
  judgements: (folder) => readJudgements(folder),
});
