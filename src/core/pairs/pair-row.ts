/** What became of a pair in a run. Rewards, margins and log-probabilities are those of docs/metrics.md. */
export interface PairRow {
  /** The plan's number of the pair; of its first, where several epochs have it. */
  readonly pair: number;
  /** 0-based row of the dataset, counted through its files. */
  readonly row: number;
  /** Of the row's pairs in the plan, from 0 in the order of the dataset. */
  readonly nth: number;
  readonly source: string | undefined;
  /** Tokens of the responses. */
  readonly chosenTokens: number;
  readonly rejectedTokens: number;
  /** How often it was trained on, or evaluated. */
  readonly seen: number;
  /** Steps done when it was last seen. */
  readonly step: number;
  /** Margin before training, where that is known to be 0: training starts at the reference. Else when it was first seen. */
  readonly start: number;
  /** Margin when it was last seen. */
  readonly now: number;
  /** `now` less `start`; undefined where it was seen once and its start is not known. */
  readonly change: number | undefined;
  readonly loss: number;
  readonly rewardChosen: number;
  readonly logpChosen: number;
  readonly logpRejected: number;
  /** Mean of `labelEvidence` over the times it was seen. */
  readonly evidence: number;
  /** Times it was seen when its neighbours' margins were above 0, and the times of these that its own was too. */
  readonly chances: number;
  readonly wins: number;
}
