export { bareUrl, isLoopback } from './endpoint.js';
export { type JudgePlan, judgeRun, planJudging, readJudgements } from './judge-run.js';
export { JUDGE_FOLDER, type JudgeHead, type Order, type Usage, type Verdict } from './record.js';
export { type Agreement, type JudgeReport, judgeText, type ReportedPrompt, verdictText, type WinRate } from './report.js';
export { type Against, type AskOptions, type EndpointJudge, type Judge, type JudgeRequest, type RuleJudge, RULE_NAMES } from './request.js';
