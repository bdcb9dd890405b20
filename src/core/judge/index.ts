export { bareUrl, isLoopback, requireAddress } from './endpoint.js';
export { type Judgement, type JudgePlan, Judging, readJudgement, readJudgements } from './judge-run.js';
export type { JudgeHead, Order, Usage, Verdict } from './record.js';
export { type Agreement, type JudgeReport, judgeText, type ReportedPrompt, verdictText, type WinRate } from './report.js';
export { costOf, type Prices } from './cost.js';
export { ruleOf } from './rules.js';
export {
  type Against,
  type AskOptions,
  type EndpointJudge,
  type Judge,
  JUDGE_DEFAULTS,
  type JudgeRequest,
  type RuleJudge,
  RULE_NAMES,
} from './request.js';
